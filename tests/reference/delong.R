# DeLong intervals, paired differences and p-values of ROC AUC by pROC 1.18.0 (R 4.2.2), and Holm's adjustment:
#   Rscript tests/reference/delong.R > tests/reference/delong.csv
# The scores are made by a recipe that both languages repeat to the last bit: remainders of whole numbers, with ties.
suppressMessages(library(pROC))
n <- 61
i <- 0:(n - 1)
response <- as.integer((i * 29) %% 61 < 23)
a <- ((i * 37 + 11) %% 61 + 30 * response) / 100
b <- ((i * 17 + 5) %% 20 + 6 * response) / 50
cat("what,value,low,high,p\n")
for (name in c("a", "b")) {
  r <- roc(response, get(name), levels = c(0, 1), direction = "<", quiet = TRUE)
  ends <- ci.auc(r, method = "delong")
  cat(sprintf("%s,%.15g,%.15g,%.15g,\n", name, ends[2], ends[1], ends[3]))
}
ra <- roc(response, a, levels = c(0, 1), direction = "<", quiet = TRUE)
rb <- roc(response, b, levels = c(0, 1), direction = "<", quiet = TRUE)
test <- roc.test(ra, rb, method = "delong", paired = TRUE)
cat(sprintf("a - b,%.15g,%.15g,%.15g,%.15g\n", auc(ra) - auc(rb), test$conf.int[1], test$conf.int[2], test$p.value))
p <- c(0.01, 0.04, 0.03, 0.005, 0.2, 0.03)
cat(sprintf("holm,%.15g,,,%.15g\n", p, p.adjust(p, "holm")), sep = "")
