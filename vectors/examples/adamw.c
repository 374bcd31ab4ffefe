/* Check an AdamW in C99 against its vectors, without a library:  cc -O2 -o adamw adamw.c -lm && ./adamw ../optimizers.adamw.jsonl
   Without a file it answers the protocol:  trainspec check --command ./adamw
   Put your own step in the place of adamw64 and adamw32. With -DMISTAKE eps stands inside the root: a classic mistake. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 1 << 16, MOST = 4096 }; /* bytes of a line, elements of an array */
static char line[LINE + 2];

#ifdef MISTAKE
#define ROOT(REAL, x) ((REAL)sqrt((x) + (REAL)eps))
#else
#define ROOT(REAL, x) ((REAL)sqrt(x) + (REAL)eps)
#endif
#define STEP(NAME, REAL)                                                                                                               \
    static void NAME(int n, double *theta, const double *grad, double *m, double *v, int t, double lr, double beta1, double beta2,     \
                     double eps, double eps_root, double decay) {                                                                      \
        REAL b1 = (REAL)beta1, b2 = (REAL)beta2, c1 = 1 - (REAL)pow(b1, t), c2 = 1 - (REAL)pow(b2, t);                                 \
        for (int i = 0; i < n; i++) {                                                                                                  \
            REAL g = (REAL)grad[i], x = (REAL)theta[i], a = b1 * (REAL)m[i] + (1 - b1) * g, s = b2 * (REAL)v[i] + (1 - b2) * g * g;    \
            theta[i] = x - (REAL)lr * (a / c1 / ROOT(REAL, s / c2 + (REAL)eps_root) + (REAL)decay * x);                                \
            m[i] = a, v[i] = s;                                                                                                        \
        }                                                                                                                              \
    }
STEP(adamw64, double)
STEP(adamw32, float)

/* --- the reader --- */
static int number, exponent; /* of the line; bits of the exponent, in the format of the case if that has fewer than 32 bits */
static int stop(const char *why) { exit((fprintf(stderr, "line %d: %s\n", number, why), 2)); }
static const char *text(const char *key) { /* where the value of a key begins; "" where the line has no such key */
    char pattern[64];
    const char *at = snprintf(pattern, sizeof pattern, "\"%s\":\"", key) > 0 ? strstr(line, pattern) : 0;
    return at ? at + strlen(pattern) : "";
}
static int is(const char *key, const char *value) { return !strncmp(text(key), value, strlen(value)) && text(key)[strlen(value)] == '"'; }
static int read_line(FILE *file) { /* whether there is one more line; what is none, or not in its place, ends the program */
    static int steps, ended; if (!number++) steps = ended = 0;
    if (!fgets(line, sizeof line, file)) return ended ? 0 : stop("the file is cut off");
    size_t length = strlen(line), quotes = 0;
    for (const char *p = line; *p; p++) quotes += *p == '"';
    if (length < 9 || strncmp(line, "{\"k\":\"", 6) || strcmp(line + length - 3, "\"}\n") || strchr(line, '\\') || quotes % 4)
        stop("must be an object of strings of at most 65536 bytes");
    if (number == 1 && !is("format", "trainspec-vectors/1")) stop("must be the head of a file of format trainspec-vectors/1");
    if ((steps = is("k", "step") ? steps + 1 : 0) && atoi(text("t")) != steps) stop("steps are not in order");
    if (ended || (is("k", "end") && !(ended = atoi(text("lines")) == number))) stop("lines before it are missing, or it follows the end");
    return 1;
}
static int read_format(void) { /* the digits of an element in the format of the case */
    static const char *names[] = {"float64", "float32", "float16", "bfloat16", "float8_e5m2", "float8_e4m3fn"};
    static const int digits[] = {16, 8, 4, 4, 2, 2}, exponents[] = {11, 8, 5, 8, 5, 4};
    for (int i = 0; i < 6; i++) if (is("dtype", names[i])) return exponent = exponents[i], digits[i];
    return stop("dtype must be a format");
}
static double value(uint64_t b, int digits) { /* a number of its bits; of float8_e4m3fn one alone is none, and none is infinite */
    int size = digits == 16 ? 11 : digits == 8 ? 8 : exponent, m = 4 * digits - 1 - size, top = (1 << size) - 1, e = (int)(b >> m) & top;
    double f = (double)(b & ((UINT64_C(1) << m) - 1)), one = ldexp(1, m);
    f = e == top && (size != 4 || f == 7) ? (f > 0 ? NAN : INFINITY) : ldexp(e ? f + one : f, (e ? e : 1) - top / 2 - m);
    return b >> (4 * digits - 1) ? -f : f;
}
static int numbers(const char *key, int digits, double *out) { /* the numbers of a string of bits, and how many; -1 where there is none */
    const char *p = text(key); size_t length = strcspn(p, "\"");
    if (!*p) return -1;
    if (length % digits || length > (size_t)MOST * digits || strspn(p, "0123456789abcdef") != length) stop("must have bits");
    char one[17] = {0};
    for (size_t i = 0; i < length / digits; i++, p += digits) out[i] = value(strtoull(memcpy(one, p, digits), 0, 16), digits);
    return (int)(length / digits);
}

/* --- the comparison --- */
static double worst(const char *key, int n, const double *got) { /* by how many tolerances numbers are off; infinity: another length */
    static double hi[MOST], lo[MOST], tol[MOST];
    char part[64];
    if (n < 0 || numbers(key, 16, hi) != n) return INFINITY;
    snprintf(part, sizeof part, "%s.lo", key);
    if (numbers(part, 16, lo) != n) memset(lo, 0, sizeof lo);
    snprintf(part, sizeof part, "%s.tol", key);
    int limits = numbers(part, 16, tol);
    if (limits != 1 && limits != n) return INFINITY;
    double most = 0;
    for (int i = 0; i < n; i++) {
        double off = fabs((got[i] - hi[i]) - lo[i]), limit = tol[limits == 1 ? 0 : i];
        if (!(off <= limit)) most = fmax(most, off / limit > 1 ? off / limit : INFINITY);
    }
    return most;
}

/* --- the report --- */
static int cases, failed, failing;
static void note(const char *where, double off) {
    if (off <= 1) return;
    if (!failing) failed++, printf("%.*s: %s: off by %.3g tolerances\n", (int)strcspn(text(is("k", "call") ? "id" : "of"), "\""),
                                   text(is("k", "call") ? "id" : "of"), where, off);
    failing = 1;
}

/* --- the protocol: one line answers one line --- */
static void print_bits(const char *key, int n, int digits, const double *x) {
    printf(",\"%s\":\"", key);
    for (int i = 0; i < n; i++) {
        float f = (float)x[i];
        uint64_t wide;
        uint32_t narrow;
        memcpy(&wide, &x[i], 8), memcpy(&narrow, &f, 4);
        if (digits == 16) printf("%016llx", (unsigned long long)wide);
        else printf("%08lx", (unsigned long)narrow);
    }
    printf("\"");
}
static int serve(void) {
    static double theta[MOST], grad[MOST], m[MOST], v[MOST], lr, beta1, beta2, eps, decay;
    int n = 0, t = 0, digits = 16;
    while (fgets(line, sizeof line, stdin) && !is("cmd", "stop")) {
        int id = (int)strcspn(text("id"), "\"");
        if (is("cmd", "start")) printf("{\"protocol\":\"trainspec/1\",\"subject\":\"adamw.c\",\"takes\":\"lr beta1 beta2 eps weight_decay\"}");
        if (is("cmd", "case")) {
            digits = is("dtype", "float64") ? 16 : is("dtype", "float32") ? 8 : 0, t = 0, n = digits ? numbers("theta", digits, theta) : 0;
            memset(m, 0, sizeof m), memset(v, 0, sizeof v);
            numbers("beta1", 16, &beta1), numbers("beta2", 16, &beta2), numbers("eps", 16, &eps), numbers("weight_decay", 16, &decay);
            printf("{\"id\":\"%.*s\"%s}", id, text("id"), digits ? "" : ",\"skipped\":\"float64 and float32 only\"");
        }
        if (is("cmd", "step")) {
            numbers("lr", 16, &lr), numbers("grad", digits, grad);
            (digits == 16 ? adamw64 : adamw32)(n, theta, grad, m, v, ++t, lr, beta1, beta2, eps, 0, decay);
            printf("{\"id\":\"%.*s\",\"t\":\"%d\"", id, text("id"), t);
            print_bits("theta", n, digits, theta), print_bits("state.m", n, digits, m), print_bits("state.v", n, digits, v);
            printf("}");
        }
        printf("\n"), fflush(stdout);
    }
    return 0;
}

static void step(int digits, int n, double *theta, const double *grad, double *m, double *v, int t, double lr, double beta1, double beta2,
                 double eps, double eps_root, double decay) { /* in float64, or in float32, rounded once to a format of fewer bits */
    (digits == 16 ? adamw64 : adamw32)(n, theta, grad, m, v, t, lr, beta1, beta2, eps, eps_root, decay);
    for (int i = 0; digits < 8 && i < 3 * n; i++) {
        double *x = &(i < n ? theta : i < 2 * n ? m : v)[i % n];
        int e, least = 3 - (1 << (exponent - 1));
        frexp(*x, &e);
        e = (e > least ? e : least) - (4 * digits - exponent);
        *x = isfinite(*x) ? ldexp(nearbyint(ldexp(*x, -e)), e) : *x;
    }
}

int main(int argc, char **argv) {
    static double theta[MOST], grad[MOST], m[MOST], v[MOST], lr, beta1, beta2, eps, eps_root, decay;
    if (argc < 2) return serve();
    FILE *file = fopen(argv[1], "r");
    int n = 0, t = 0, digits = 0;
    if (!file) return fprintf(stderr, "%s: no such file\n", argv[1]), 2;
    while (read_line(file)) {
        int call = is("k", "call"), run = is("k", "run"), next = is("k", "step"), alt = is("k", "alt");
        if (is("k", "suite") && !is("entry", "optimizers.adamw")) stop("this program is an optimizers.adamw");
        if (!(call || run || next || alt)) continue;
        if (call || run) {
            digits = read_format(), cases++, failing = 0;
            n = numbers("theta", digits, theta), t = 0, eps_root = 0;
            memset(m, 0, sizeof m), memset(v, 0, sizeof v);
            numbers("lr", 16, &lr), numbers("beta1", 16, &beta1), numbers("beta2", 16, &beta2), numbers("eps", 16, &eps);
            numbers("eps_root", 16, &eps_root), numbers("weight_decay", 16, &decay);
        }
        if (!digits) stop("a step must follow its run");
        if (call && (numbers("state.m", digits, m) != n || numbers("state.v", digits, v) != n)) stop("the state must be as long as theta");
        if (call) t = atoi(text("state.t"));
        if (next) numbers("lr", 16, &lr), numbers("theta", digits, theta); /* where a format has few bits, the step says where it starts */
        if (call || next) {
            if (numbers("grad", digits, grad) != n) stop("grad must be as long as theta");
            step(digits, n, theta, grad, m, v, ++t, lr, beta1, beta2, eps, eps_root, decay);
            note("theta", worst("new.theta", n, theta));
        }
        if (call) note("m", worst("new.state.m", n, m)), note("v", worst("new.state.v", n, v));
        if (alt && failing && worst("new.theta", n, theta) <= 1)
            printf("  it ends where this one does: %.*s\n", (int)strcspn(text("words"), "\""), text("words"));
    }
    printf("%d of %d cases pass, in float64, float32 and formats of fewer bits\n", cases - failed, cases);
    return failed > 0;
}
