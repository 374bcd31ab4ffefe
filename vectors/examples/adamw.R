# Check an AdamW in R against its vectors, without a package:  Rscript adamw.R ../optimizers.adamw.jsonl
# Put your own step in the place of `adamw`. With --mistake eps stands inside the root: a classic mistake.

adamw <- function(s, grad, h, mistake) {
  s$t <- s$t + 1
  s$m <- h$beta1 * s$m + (1 - h$beta1) * grad
  s$v <- h$beta2 * s$v + (1 - h$beta2) * grad^2
  inside <- s$v / (1 - h$beta2^s$t) + h$eps_root
  root <- if (mistake) sqrt(inside + h$eps) else sqrt(inside) + h$eps
  s$theta <- s$theta - h$lr * (s$m / (1 - h$beta1^s$t) / root + h$weight_decay * s$theta)
  s
}

# --- the reader ---
at_line <- 0
text <- function(line, key) { # the value of a key; "" where the line has no such key
  found <- regmatches(line, regexec(paste0('"', gsub(".", "\\.", key, fixed = TRUE), '":"([^"]*)"'), line))[[1]]
  if (length(found) < 2) "" else found[2]
}
read_lines <- function(path) { # what is no line, or not in its place, is an error that names it
  if (is.na(file.size(path)) || file.size(path) > 256000) stop("there is no such file, or it is larger than 256000 bytes")
  lines <- strsplit(readChar(path, file.size(path), useBytes = TRUE), "\n", fixed = TRUE)[[1]]
  is_line <- grepl('^\\{"k":"[^"\\\\]*"(,"[^"\\\\]*":"[^"\\\\]*")*\\}$', lines) & nchar(lines, "bytes") <= 65536
  if (!all(is_line)) stop("line ", which(!is_line)[1], ": must be an object of strings of at most 65536 bytes")
  if (length(lines) == 0 || text(lines[1], "format") != "trainspec-vectors/1") stop("line 1: must be the head of a file of format trainspec-vectors/1")
  steps <- 0
  for (i in seq_along(lines)) {
    k <- text(lines[i], "k")
    steps <- if (k == "step") steps + 1 else 0
    if (steps > 0 && text(lines[i], "t") != as.character(steps)) stop("line ", i, ": steps are not in order")
    is_end <- k == "end" && text(lines[i], "lines") == as.character(i)
    if (is_end != (i == length(lines))) stop("line ", i, ": lines are missing, or follow the end")
  }
  lines
}
formats <- list( # hexadecimal digits of an element, and bits of the exponent
  float64 = c(16, 11), float32 = c(8, 8), float16 = c(4, 5), bfloat16 = c(4, 8), float8_e5m2 = c(2, 5), float8_e4m3fn = c(2, 4))
bits <- function(text, format = formats$float64) { # the numbers of a string of bits
  digits <- format[1]
  if (nchar(text) == 0) return(numeric(0))
  if (nchar(text) %% digits != 0 || grepl("[^0-9a-f]", text)) stop("line ", at_line, ": must have ", digits, " hexadecimal digits a number")
  at <- seq(1, nchar(text), if (digits >= 8) 2 else digits)
  parts <- strtoi(substring(text, at, at + if (digits >= 8) 1 else digits - 1), 16L)
  if (digits >= 8) return(readBin(as.raw(parts), "double", nchar(text) / digits, digits / 2, endian = "big"))
  m <- 4 * digits - 1 - format[2]; top <- 2^format[2] - 1
  e <- parts %/% 2^m %% (top + 1); f <- parts %% 2^m
  x <- ifelse(e == 0, f, f + 2^m) * 2^(pmax(e, 1) - top %/% 2 - m)
  x[e == top & f > 0 & (format[2] != 4 | f == 7)] <- NaN # of float8_e4m3fn one number alone is none, and none is infinite
  x[e == top & f == 0 & format[2] != 4] <- Inf
  ifelse(parts >= 2^(4 * digits - 1), -x, x)
}

# --- the comparison ---
number <- function(line, key) c(bits(text(line, key)), 0)[1]
worst <- function(line, name, got) {
  hi <- bits(text(line, name)); lo <- bits(text(line, paste0(name, ".lo"))); tol <- bits(text(line, paste0(name, ".tol")))
  if (length(got) != length(hi) || !(length(tol) %in% c(1, length(hi)))) return(Inf)
  if (length(hi) == 0) return(0)
  if (length(lo) == 0) lo <- 0 * hi
  off <- abs((got - hi) - lo); tol <- rep_len(tol, length(hi))
  max(ifelse(!is.na(off) & off <= tol, 0, ifelse(!is.na(off) & off / tol > 1, off / tol, Inf)))
}

store <- function(part, format) { # rounded to a format, once: this program computes in double
  if (format[1] == 16) return(part)
  size <- ifelse(part == 0, 1, abs(part))
  unit <- 2^(pmax(floor(log2(size)), 2 - 2^(format[2] - 1)) - (4 * format[1] - 1 - format[2]))
  round(part / unit) * unit # ties to even
}

check <- function(path, mistake) {
  lines <- read_lines(path)
  if (text(lines[1], "entry") != "optimizers.adamw") stop("line 1: this program is an optimizers.adamw")
  at_line <<- 0; cases <- 0; failed <- character(0); format <- NULL; s <- NULL; h <- NULL
  for (line in lines) {
    at_line <<- at_line + 1
    k <- text(line, "k")
    if (k %in% c("call", "run")) {
      format <- formats[[text(line, "dtype")]]
      cases <- cases + 1
      h <- sapply(c("lr", "beta1", "beta2", "eps", "eps_root", "weight_decay"), function(n) number(line, n), simplify = FALSE)
      theta <- bits(text(line, "theta"), format)
      s <- list(theta = theta, m = 0 * theta, v = 0 * theta, t = 0)
      if (k == "call") s <- list(theta = theta, m = bits(text(line, "state.m"), format), v = bits(text(line, "state.v"), format), t = as.integer(text(line, "state.t")))
    }
    id <- if (k == "call") text(line, "id") else text(line, "of")
    if (k %in% c("call", "step")) {
      h$lr <- number(line, "lr")
      if (k == "step" && text(line, "theta") != "") s$theta <- bits(text(line, "theta"), format) # where it starts, in formats of fewer bits
      s <- adamw(s, bits(text(line, "grad"), format), h, mistake)
      for (part in c("theta", "m", "v")) s[[part]] <- store(s[[part]], format)
      off <- worst(line, "new.theta", s$theta)
      if (off > 1 && !(id %in% failed)) { failed <- c(failed, id); cat(id, text(line, "t"), "off by", off, "tolerances\n") }
    }
    if (k == "alt" && id %in% failed && worst(line, "new.theta", s$theta) <= 1) cat("  it ends where this one does:", text(line, "words"), "\n")
  }
  cat(cases - length(failed), "of", cases, "cases pass, in float64, float32 and formats of fewer bits\n")
  length(failed) == 0
}

arguments <- commandArgs(trailingOnly = TRUE)
passed <- all(sapply(arguments[!startsWith(arguments, "--")], check, mistake = "--mistake" %in% arguments))
quit(status = if (passed) 0 else 1)
