/* Reads files of vectors by the example's reader: every line, every number of arguments and results; what is due must be within its
   own tolerance. Prints how many lines, cases and numbers there are. */
#define main adamw_main
#include "adamw.c"
#undef main

static long read_values(const char *named, int digits, int is_due) { /* of a list name:kind name:kind …; the count of numbers */
    static double values[MOST];
    char name[48], kind[16];
    long count = 0;
    for (int used; sscanf(named, " %47[^: \"]:%15[^ \"]%n", name, kind, &used) == 2; named += used) {
        int is_array = !strcmp(kind, "array"), width = is_due || !is_array ? 16 : digits;
        if (!*text(name) || !(is_array || !strcmp(kind, "number"))) continue;
        int n = numbers(name, width, values);
        if (is_due && !(worst(name, n, values) <= 1)) stop("what is due must be within its tolerance");
        count += n;
    }
    return count;
}

int main(int argc, char **argv) {
    static char arguments[LINE], results[LINE];
    long lines = 0, cases = 0, count = 0;
    int digits = 16;
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "r");
        if (!file) return fprintf(stderr, "%s: no such file\n", argv[i]), 2;
        for (number = 0; read_line(file); lines++) {
            if (is("k", "suite")) strcpy(arguments, text("arguments")), strcpy(results, text("results"));
            int is_case = is("k", "call") || is("k", "run");
            if (is_case) digits = read_format();
            cases += is_case;
            if (is_case || is("k", "step") || is("k", "alt")) count += read_values(arguments, digits, 0) + read_values(results, digits, 1);
        }
        fclose(file);
    }
    printf("%d files, %ld lines, %ld cases, %ld numbers\n", argc - 1, lines, cases, count);
    return 0;
}
