# Royston D, explained variation, calibration intercept and the flexible calibration curve in R: `survival_scores.csv`.
#
#     Rscript tests/reference/survival_scores.R        (R 4.2 or later, survival 3.5-3; from the repository root)
#
# It writes 120 patients to survival_scores_data.csv and the values to survival_scores.csv. Royston D without folds is
# survival's own `royston`; with folds it is its definition, rankits within the fold and strata(fold), ties by Breslow.
# The calibration curve is coxph on a restricted cubic spline (three knots) of the complementary log-log of what was
# told, follow-up cut at the time; the intercept of a survival solves its definition by uniroot on survfit.
library(survival)
set.seed(41)
n <- 120
x <- rnorm(n)
happens <- 500 * rexp(n) * exp(-x)
leaves <- runif(n, 30, 900)
d <- data.frame(time = pmin(happens, leaves) + 1, event = as.integer(happens <= leaves))
d$risk <- x + rnorm(n)
d$tied <- round(d$risk)
d$fold <- rep(0:3, length.out = n)
d$told <- 1 - exp(-0.6 * exp(0.7 * x - 0.2))
d$response <- rbinom(n, 1, plogis(x))
d$p <- plogis(0.6 * x + 0.3)
write.csv(format(d, digits = 17, trim = TRUE), "tests/reference/survival_scores_data.csv", row.names = FALSE, quote = FALSE)

t <- 300
found <- list()
fit <- coxph(Surv(time, event) ~ risk, d)
found$royston_d <- royston(fit)[["D"]]
found$explained_variation <- royston(fit)[["R.D"]]
found$royston_d_tied <- royston(coxph(Surv(time, event) ~ tied, d))[["D"]]
rankit <- function(score) qnorm((rank(score) - 3 / 8) / (length(score) + 1 / 4))
d$z <- ave(d$risk, d$fold, FUN = rankit)
found$royston_d_folds <- coef(coxph(Surv(time, event) ~ z + strata(fold), d, ties = "breslow"))[[1]] * sqrt(8 / pi)

observed <- 1 - summary(survfit(Surv(time, event) ~ 1, d), times = t)$surv
cloglog <- log(-log(1 - d$told))
found$intercept_survival <- uniroot(function(a) mean(1 - exp(-exp(cloglog + a))) - observed, c(-5, 5), tol = 1e-12)$root
found$intercept_response <- coef(glm(response ~ 1 + offset(qlogis(p)), binomial, d, epsilon = 1e-14))[[1]]

k <- quantile(cloglog, c(0.1, 0.5, 0.9))
cube <- function(knot) pmax(cloglog - knot, 0)^3
bend <- cube(k[1]) - cube(k[2]) * (k[3] - k[1]) / (k[3] - k[2]) + cube(k[3]) * (k[2] - k[1]) / (k[3] - k[2])
d$cut <- pmin(d$time, t)
d$happened <- as.integer(d$event == 1 & d$time <= t)
curve <- coxph(Surv(cut, happened) ~ cloglog + bend, d, ties = "breslow", control = coxph.control(eps = 1e-13, toler.chol = 1e-15))
base <- basehaz(curve, centered = FALSE)
at_risk <- exp(coef(curve)[1] * cloglog + coef(curve)[2] * bend)
flexible <- 1 - exp(-max(base$hazard) * at_risk)
distance <- abs(flexible - d$told)
found$ici <- mean(distance)
found$e50 <- sort(distance)[ceiling(0.5 * n)]
found$e90 <- sort(distance)[ceiling(0.9 * n)]
for (i in 1:3) found[[paste0("curve_", i - 1)]] <- flexible[i]

# Late entry: the entry of every third patient is late (taken from what is there already, so that no draw above changes).
d$entry <- ifelse(seq_len(n) %% 3 == 0, round(d$time * (seq_len(n) %% 7) / 8, 6), 0)
late <- Surv(d$entry, d$time, d$event)
found$royston_d_late <- coef(coxph(late ~ rankit(d$risk), ties = "breslow"))[[1]] * sqrt(8 / pi)
found$slope_all <- coef(coxph(Surv(cut, happened) ~ cloglog, d, ties = "breslow"))[[1]]
found$slope_late <- coef(coxph(Surv(ifelse(entry < t, entry, t), pmax(cut, ifelse(entry < t, 0, t + 1)), happened) ~ cloglog, d, ties = "breslow"))[[1]]

lines <- paste(names(found), format(unlist(found), digits = 15, trim = TRUE, scientific = FALSE), sep = ",")
writeLines(c("name,value", lines), "tests/reference/survival_scores.csv")
