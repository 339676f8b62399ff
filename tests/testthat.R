library(testthat)
library(miv)

test_check("miv")
