# Makes icc_unbalanced.json: one-way intraclass correlations with unequal repeats, by base R alone.
# Rscript icc_unbalanced.R
# Method of unweighted means (Thomas & Hultquist 1978): k = harmonic mean of the repeats, F = k var(means) / MSW, the
# variance within from R's own aov(); limits from the F distribution on n - 1 and N - n degrees of freedom. With equal
# repeats it is the exact interval of McGraw & Wong 1996.
tables <- list(
  equal = matrix(c(9, 6, 8, 7, 10, 6, 2, 1, 4, 1, 5, 2, 5, 3, 6, 2, 6, 4, 8, 2, 8, 6, 9, 7), nrow = 6),
  gaps = matrix(c(9, 6, 8, 7, 10, 6, 2, NA, 4, 1, 5, 2, 5, 3, NA, 2, 6, 4, NA, 2, 8, NA, 9, NA), nrow = 6),
  single = matrix(c(12.1, 15.3, 9.8, 20.4, 17.7, 11.9, 14.2, 12.9, 14.8, NA, 19.1, 18.2, NA, 14.0, NA, 15.9, 10.4, NA,
                    17.0, 12.5, NA), nrow = 7))
cases <- lapply(names(tables), function(name) {
  x <- tables[[name]]
  long <- data.frame(y = as.vector(t(x)), who = factor(rep(seq_len(nrow(x)), each = ncol(x))))
  long <- long[!is.na(long$y), ]
  within <- summary(aov(y ~ who, data = long))[[1]]
  msw <- within["Residuals", "Mean Sq"]
  counts <- as.vector(table(long$who))
  means <- tapply(long$y, long$who, mean)
  n <- length(means); k <- 1 / mean(1 / counts); free <- sum(counts) - n
  f <- k * var(means) / msw
  value <- function(ratio) (ratio - 1) / (ratio + k - 1)
  list(name = name, values = x, n = n, icc = value(f), low = value(f / qf(0.975, n - 1, free)),
       high = value(f * qf(0.975, free, n - 1)))
})
number <- function(v) ifelse(is.na(v), "null", format(v, digits = 16, trim = TRUE))
text <- sapply(cases, function(one) {
  rows <- apply(one$values, 1, function(row) paste0("[", paste(number(row), collapse = ", "), "]"))
  sprintf('{"name": "%s", "n": %d, "icc": %s, "low": %s, "high": %s, "values": [%s]}', one$name, one$n,
          number(one$icc), number(one$low), number(one$high), paste(rows, collapse = ", "))
})
cat(sprintf('{"made_with": "%s", "cases": [\n%s\n]}\n', R.version.string, paste(text, collapse = ",\n")),
    file = "icc_unbalanced.json")
