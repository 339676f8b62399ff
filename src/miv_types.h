// Read by RcppExports.cpp before Rcpp itself: nothing of Rcpp may stand here.
#include <Eigen/Core>
