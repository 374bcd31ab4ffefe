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

# --- the reader: lines are flat objects of strings without escapes ---
text <- function(line, key) {
  found <- regmatches(line, regexec(paste0('"', gsub(".", "\\.", key, fixed = TRUE), '":"([^"]*)"'), line))[[1]]
  if (length(found) < 2) "" else found[2]
}
bits <- function(text) {
  if (nchar(text) == 0) return(numeric(0))
  at <- seq(1, nchar(text), 2)
  readBin(as.raw(strtoi(substring(text, at, at + 1), 16L)), "double", nchar(text) / 16, endian = "big")
}
number <- function(line, key) c(bits(text(line, key)), 0)[1]
worst <- function(line, name, got) {
  hi <- bits(text(line, name)); lo <- bits(text(line, paste0(name, ".lo"))); tol <- bits(text(line, paste0(name, ".tol")))
  if (length(got) != length(hi)) return(Inf)
  if (length(hi) == 0) return(0)
  if (length(lo) == 0) lo <- 0 * hi
  off <- abs((got - hi) - lo); tol <- rep_len(tol, length(hi))
  max(ifelse(!is.na(off) & off <= tol, 0, ifelse(!is.na(off) & off / tol > 1, off / tol, Inf)))
}

check <- function(path, mistake) {
  lines <- readLines(path)
  if (text(lines[1], "format") != "trainspec-vectors/1") stop("line 1: must be of format trainspec-vectors/1")
  if (text(lines[length(lines)], "lines") != as.character(length(lines))) stop("the file is cut off")
  cases <- 0; failed <- character(0); wide <- FALSE; s <- NULL; h <- NULL
  for (line in lines) {
    k <- text(line, "k")
    if (k %in% c("call", "run")) {
      wide <- text(line, "dtype") == "float64"
      if (!wide) next
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
  cat(cases - length(failed), "of", cases, "cases pass in float64\n")
  length(failed) == 0
}

arguments <- commandArgs(trailingOnly = TRUE)
passed <- all(sapply(arguments[!startsWith(arguments, "--")], check, mistake = "--mistake" %in% arguments))
quit(status = if (passed) 0 else 1)
