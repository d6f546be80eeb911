# Reference values of tests/models/test_cox_reference.py: what R's survival package says about one small cohort.
# Made with R 4.2.2, survival 3.5-3:  Rscript tests/reference/cox_survival.R
# (writes cox_patients.csv, cox_fits.csv and cox_baselines.csv beside this file)
library(survival)
options(digits = 15)
here <- if (length(commandArgs(TRUE))) commandArgs(TRUE)[1] else "tests/reference"

set.seed(20)
n <- 120
patients <- data.frame(
  age = round(rnorm(n, 62, 9), 1),
  ldh = round(exp(rnorm(n, 5.4, 0.4))),
  male = rbinom(n, 1, 0.5),
  centre = sample(c("north", "south", "west"), n, TRUE),
  weight = sample(c(0.5, 1, 1.5, 2), n, TRUE)
)
risk <- 0.04 * (patients$age - 62) + 0.9 * (log(patients$ldh) - 5.4) - 0.4 * patients$male
# whole months, so that many deaths are tied
time <- ceiling(rexp(n, exp(risk) / 14))
last <- ceiling(runif(n, 4, 40))
patients$time <- pmin(time, last)
patients$event <- as.integer(time <= last)
patients$entry <- ifelse(runif(n) < 0.4, floor(runif(n) * patients$time), 0)
write.csv(patients, file.path(here, "cox_patients.csv"), row.names = FALSE)

fits <- list()
baselines <- list()
for (ties in c("efron", "breslow")) {
  for (what in c("plain", "strata", "weights", "entry", "all")) {
    everything <- what == "all"
    response <- if (what == "entry" || everything) "Surv(entry, time, event)" else "Surv(time, event)"
    right <- "age + ldh + male"
    if (what == "strata" || everything) right <- paste(right, "+ strata(centre)")
    w <- if (what == "weights" || everything) patients$weight else rep(1, n)
    fit <- coxph(as.formula(paste(response, "~", right)), data = patients, weights = w, ties = ties,
                 robust = FALSE, control = coxph.control(eps = 1e-13, toler.chol = 1e-14, iter.max = 50))
    fits[[length(fits) + 1]] <- data.frame(
      ties = ties, what = what, feature = names(coef(fit)), coef = unname(coef(fit)),
      se = sqrt(diag(fit$var)), null_log_likelihood = fit$loglik[1], log_likelihood = fit$loglik[2]
    )
    # of a patient with log-hazard 0, all covariates at their mean taken off
    curves <- if (what == "strata" || everything) unique(patients$centre) else "one"
    for (i in seq_along(curves)) {
      part <- survfit(fit, newdata = data.frame(age = mean(patients$age), ldh = mean(patients$ldh),
                                                male = mean(patients$male), centre = if (length(curves) > 1) curves[i] else "north"))
      baselines[[length(baselines) + 1]] <- data.frame(
        ties = ties, what = what, stratum = curves[i], time = part$time, cumulative_hazard = part$cumhaz
      )
    }
  }
}
write.csv(do.call(rbind, fits), file.path(here, "cox_fits.csv"), row.names = FALSE)
write.csv(do.call(rbind, baselines), file.path(here, "cox_baselines.csv"), row.names = FALSE)
