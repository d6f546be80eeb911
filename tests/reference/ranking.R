# Reference values of tests/evaluate/test_ranking_reference.py: concordance as R's survival package counts it.
# Made with R 4.2.2, survival 3.5-3:  Rscript tests/reference/ranking.R
# (writes ranking_patients.csv and ranking_concordance.csv beside this file)
library(survival)
options(digits = 15)
here <- if (length(commandArgs(TRUE))) commandArgs(TRUE)[1] else "tests/reference"

set.seed(44)
n <- 150
x <- rnorm(n)
patients <- data.frame(fold = sample(0:3, n, TRUE), weight = sample(c(0.25, 0.5, 1, 1.75, 3), n, TRUE))
# whole months and risks of one decimal: many ties in both
time <- ceiling(rexp(n, exp(x) / 14))
last <- ceiling(runif(n, 4, 40))
patients$time <- pmin(time, last)
patients$event <- as.integer(time <= last)
patients$entry <- ifelse(runif(n) < 0.5, floor(runif(n) * patients$time), 0)
patients$risk <- round(x + rnorm(n), 1)
# the same without ties in time, for Uno's weights (R reads G just before T, scikit-survival at T)
patients$untied <- patients$time + seq_len(n) / (2 * n)
write.csv(patients, file.path(here, "ranking_patients.csv"), row.names = FALSE)

found <- list()
add <- function(what, fit) {
  count <- if (is.matrix(fit$count)) colSums(fit$count) else fit$count
  found[[length(found) + 1]] <<- data.frame(
    what = what, concordance = unname(fit$concordance), concordant = unname(count["concordant"]),
    discordant = unname(count["discordant"]), tied_risk = unname(count["tied.x"])
  )
}
for (late in c(FALSE, TRUE)) for (weighted in c(FALSE, TRUE)) for (folds in c(FALSE, TRUE)) {
  left <- if (late) "Surv(entry, time, event)" else "Surv(time, event)"
  formula <- as.formula(paste(left, "~ risk", if (folds) "+ strata(fold)" else ""))
  w <- if (weighted) patients$weight else rep(1, n)
  name <- paste(c("plain", if (late) "entry", if (weighted) "weights", if (folds) "folds"), collapse = " ")
  add(name, concordance(formula, data = patients, weights = w, reverse = TRUE))
}
for (tau in c(20, 1000)) {
  uno <- concordance(Surv(untied, event) ~ risk, data = patients, reverse = TRUE, timewt = "n/G2", ymax = tau)
  add(paste("uno", tau), uno)
}
write.csv(do.call(rbind, found), file.path(here, "ranking_concordance.csv"), row.names = FALSE)

curves <- summary(survfit(Surv(entry, time, event) ~ 1, data = patients, weights = weight), times = c(3, 8, 15, 25))
write.csv(data.frame(time = curves$time, survival = curves$surv), file.path(here, "ranking_late_curve.csv"),
          row.names = FALSE)
