# What happens when the package is loaded: two settings for packages that leave no other way, each made only where that package is loaded, and each
# only adding. Everything else is an S3 method that R registers when the generic's package is loaded.

.onLoad <- function(libname, pkgname) {
  when_loaded("marginaleffects", add_model_class)
  when_loaded("texreg", set_texreg_method)
}

# Now where the package is there already, and whenever it is loaded later.
when_loaded <- function(package, action) {
  setHook(packageEvent(package, "onLoad"), action)
  if (isNamespaceLoaded(package)) action()
}

# marginaleffects refuses a class that is not in its option; classes that are there stay.
add_model_class <- function(...) {
  option <- "marginaleffects_model_classes"
  options(stats::setNames(list(union(getOption(option), "miv")), option))
}
