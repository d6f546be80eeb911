# Scores for one of two competing events by R: riskRegression 2022.11.28 (AUC(t), Brier(t)) and pec 2022.05.04 (Wolbers' C).
#
#   Rscript competing_scores.R        (in this folder; Debian 12: r-cran-riskregression, r-cran-pec)
#
# writes competing_patients.csv (times without ties between patients, and whole days with ties) and competing_scores.csv.
suppressMessages({library(survival); library(prodlim); library(riskRegression); library(pec)})
set.seed(20261121)
n <- 160
x <- rnorm(n)
own <- rexp(n, exp(0.7 * x) / 500); other <- rexp(n, exp(-0.2 * x) / 900); end <- runif(n, 50, 900)
time <- pmin(own, other, end)
status <- ifelse(time == end, 0, ifelse(time == own, 1, 2))
patients <- data.frame(
  day = round(time, 3) + 0.001, status = status,
  tied_day = ceiling(time / 20) * 20,
  incidence = round(plogis(-0.4 + 0.8 * x + 0.6 * rnorm(n)), 6)
)
stopifnot(!anyDuplicated(patients$day), !anyDuplicated(patients$incidence))
write.csv(patients, "competing_patients.csv", row.names = FALSE)

scores <- NULL
for (which in c("day", "tied_day")) {
  d <- data.frame(time = patients[[which]], status = patients$status)
  for (at in c(150, 310, 590)) {
    found <- Score(
      list(m = matrix(patients$incidence, ncol = 1)), formula = Hist(time, status) ~ 1, data = d, times = at,
      cause = 1, metrics = c("auc", "brier"), cens.model = "km", se.fit = FALSE, null.model = FALSE
    )
    scores <- rbind(scores,
      data.frame(times = which, metric = "auc", at = at, value = found$AUC$score$AUC),
      data.frame(times = which, metric = "brier", at = at, value = found$Brier$score$Brier))
    c_index <- cindex(
      list(m = matrix(patients$incidence, ncol = 1)), formula = Hist(time, status) ~ 1, data = d, eval.times = at,
      pred.times = at, cause = 1, cens.model = "marginal", verbose = FALSE
    )
    scores <- rbind(scores, data.frame(times = which, metric = "wolbers", at = at, value = c_index$AppCindex$m))
  }
}
scores$value <- sprintf("%.12f", scores$value)
write.csv(scores, "competing_scores.csv", row.names = FALSE, quote = FALSE)
