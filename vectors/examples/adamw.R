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
  lines <- readLines(path, warn = FALSE)
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
bits <- function(text) { # 16 hexadecimal digits a number
  if (nchar(text) == 0) return(numeric(0))
  if (nchar(text) %% 16 != 0 || grepl("[^0-9a-f]", text)) stop("line ", at_line, ": must have 16 hexadecimal digits a number")
  at <- seq(1, nchar(text), 2)
  readBin(as.raw(strtoi(substring(text, at, at + 1), 16L)), "double", nchar(text) / 16, endian = "big")
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

check <- function(path, mistake) {
  lines <- read_lines(path)
  if (text(lines[1], "entry") != "optimizers.adamw") stop("line 1: this program is an optimizers.adamw")
  at_line <<- 0; cases <- 0; others <- 0; failed <- character(0); wide <- FALSE; s <- NULL; h <- NULL
  for (line in lines) {
    at_line <<- at_line + 1
    k <- text(line, "k")
    if (k %in% c("call", "run")) {
      wide <- text(line, "dtype") == "float64"
      if (!wide) { others <- others + 1; next }
      cases <- cases + 1
      h <- sapply(c("lr", "beta1", "beta2", "eps", "eps_root", "weight_decay"), function(n) number(line, n), simplify = FALSE)
      theta <- bits(text(line, "theta"))
      s <- list(theta = theta, m = 0 * theta, v = 0 * theta, t = 0)
      if (k == "call") s <- list(theta = theta, m = bits(text(line, "state.m")), v = bits(text(line, "state.v")), t = as.integer(text(line, "state.t")))
    }
    if (!wide) next
    id <- if (k == "call") text(line, "id") else text(line, "of")
    if (k %in% c("call", "step")) {
      h$lr <- number(line, "lr")
      s <- adamw(s, bits(text(line, "grad")), h, mistake)
      off <- worst(line, "new.theta", s$theta)
      if (off > 1 && !(id %in% failed)) { failed <- c(failed, id); cat(id, text(line, "t"), "off by", off, "tolerances\n") }
    }
    if (k == "alt" && id %in% failed && worst(line, "new.theta", s$theta) <= 1) cat("  it ends where this one does:", text(line, "words"), "\n")
  }
  cat(cases - length(failed), "of", cases, "cases pass in float64;", others, "in other formats are left out\n")
  length(failed) == 0
}

arguments <- commandArgs(trailingOnly = TRUE)
passed <- all(sapply(arguments[!startsWith(arguments, "--")], check, mistake = "--mistake" %in% arguments))
quit(status = if (passed) 0 else 1)
