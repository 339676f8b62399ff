# Text, tables and sections as HTML. Labels are the user's: everything is escaped here, and only what these functions make is markup.

# Plain text to HTML. A backtick could end pandoc's raw block.
plain_text <- function(x) gsub("`", "&#96;", escape_html(x), fixed = TRUE)

# Beyond ASCII as numbers where the session cannot write it.
escape_html <- function(x) {
  x <- enc2utf8(as.character(x))
  for (pair in list(c("&", "&amp;"), c("<", "&lt;"), c(">", "&gt;"), c("\"", "&quot;"), c("'", "&#39;"))) x <- gsub(pair[1], pair[2], x, fixed = TRUE)
  if (isTRUE(l10n_info()[["UTF-8"]])) x else vapply(x, numbered_characters, "", USE.NAMES = FALSE)
}

numbered_characters <- function(x) {
  codes <- utf8ToInt(x)
  if (anyNA(codes)) return("?")
  paste(ifelse(codes > 126, sprintf("&#%d;", codes), intToUtf8(codes, multiple = TRUE)), collapse = "")
}

# The package's own sentences put names and code between backticks.
as_words <- function(x) gsub("`", "&#96;", gsub("`([^`]+)`", "<code>\\1</code>", escape_html(x)), fixed = TRUE)

# The same sentence without backticks, for titles and descriptions.
no_ticks <- function(x) gsub("`", "", x, fixed = TRUE)

paragraph <- function(..., class = NULL) {
  text <- paste0(...)
  text <- text[nzchar(trimws(text))]
  if (length(text) == 0) return("")
  paste0("<p", attribute("class", class), ">", as_words(text), "</p>", collapse = "\n")
}

attribute <- function(name, value) if (is.null(value)) "" else sprintf(" %s=\"%s\"", name, plain_text(value))

item_list <- function(items, tag = "ul", class = NULL) {
  paste0("<", tag, attribute("class", class), ">\n", paste0("<li>", items, "</li>", collapse = "\n"), "\n</", tag, ">")
}

heading <- function(level, text, id = NULL) sprintf("<h%d%s>%s</h%d>", level, attribute("id", id), as_words(text), level)

# ---- tables ----

# A column of numbers: text as shown, and the number itself with all its digits.
value_cells <- function(value, text) structure(list(text = text, value = value), class = "value_cells")

html_cells <- function(html, class = NULL) structure(list(html = html, class = class), class = "html_cells")

# columns: named list of text, value_cells() or html_cells(); the first names the rows. rules: rows with a line above.
html_table <- function(columns, caption, rules = integer()) {
  right <- vapply(columns, is_number_column, NA)
  header <- sprintf("<th scope=\"col\"%s>%s</th>", ifelse(right, " class=\"num\"", ""), as_words(names(columns)))
  paste0(sprintf("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\">\n<table>\n", plain_text(no_ticks(caption))),
         sprintf("<caption><span>%s</span></caption>\n<thead><tr>%s</tr></thead>\n", as_words(caption), paste(header, collapse = "")),
         sprintf("<tbody>\n%s\n</tbody>\n</table>\n</div>", body_rows(do.call(cbind, lapply(columns, table_cells)), rules)))
}

body_rows <- function(cells, rules) {
  first <- sub("^<td", "<th scope=\"row\"", sub("</td>$", "</th>", cells[, 1]))
  lines <- paste0(first, apply(cells[, -1, drop = FALSE], 1, paste, collapse = ""))
  paste0(ifelse(seq_along(lines) %in% rules, "<tr class=\"rule\">", "<tr>"), lines, "</tr>", collapse = "\n")
}

is_number_column <- function(x) inherits(x, "value_cells") || (inherits(x, "html_cells") && identical(x$class, "num"))

table_cells <- function(x) {
  if (inherits(x, "value_cells")) return(sprintf("<td class=\"num\"%s>%s</td>", data_value(x$value), plain_text(x$text)))
  if (inherits(x, "html_cells")) return(sprintf("<td%s>%s</td>", attribute("class", x$class), x$html))
  class <- ifelse(nchar(x) > 34, " class=\"text\"", ifelse(nchar(x) < 22, " class=\"short\"", ""))
  sprintf("<td%s>%s</td>", class, as_words(ifelse(is.na(x), "", x)))
}

data_value <- function(x) ifelse(is.na(x), "", sprintf(" data-value=\"%s\"", formatC(x, digits = 15, format = "g", width = 1)))

counts <- function(n) value_cells(n, vapply(n, big_number, ""))

shares <- function(share) value_cells(share, ifelse(is.na(share), "", percent(share)))

# Numbers with the decimals that their standard errors deserve.
measured <- function(value, error, digits = 3) {
  value_cells(value, ifelse(is.na(value), "", mapply(function(v, e) fixed(v, decimals_for(e, digits)), value, error)))
}

significant <- function(value, digits = 3) {
  value_cells(value, ifelse(is.na(value), "", formatC(value, digits = digits, format = "fg", flag = "#", width = 1, big.mark = ",")))
}

decimal <- function(value, digits = 3) value_cells(value, ifelse(is.na(value), "", formatC(value, digits = digits, format = "f")))

p_cells <- function(p) {
  value_cells(p, ifelse(is.na(p), "", ifelse(p < 1e-4, "< 0.0001", formatC(p, digits = 3, format = "fg", flag = "#", width = 1))))
}

f_cells <- function(f) value_cells(f, ifelse(is.na(f), "", show_f(f)))

between <- function(low, high, number) html_cells(ifelse(is.na(low), "", plain_text(paste(number(low), "to", number(high)))), "num")

# ---- sections ----

kPageSections <- c(design = "Design", audit = "Checks of the design", estimates = "Estimates", weights = "Who carries the estimate",
                   specifications = "Other specifications", inference = "Inference", methods = "Methods and assumptions",
                   made = "How this page was made")

# Raw HTML for pandoc, between fences that the text cannot hold: as_words() leaves no backtick.
emit <- function(html) cat("\n\n```````{=html}\n", paste(html, collapse = "\n"), "\n```````\n\n", sep = "")

write_head <- function(page) {
  links <- sprintf("<a href=\"#%s\">%s</a>", names(page$sections), plain_text(page$sections))
  emit(c("<header>", heading(1, page$title), head_parts(page), "</header>", "<nav aria-label=\"Sections\">", item_list(links), "</nav>"))
}

# One section for every fit of the page; of several outcomes each under its name. What is common to them stands before.
write_section <- function(page, id) {
  if (!id %in% names(page$sections)) return(invisible())
  content <- kSections[[id]]
  shared <- if (!is.null(content$shared)) said_or_refused(content$shared(page))
  one <- function(i) c(part_heading(page, i), said_or_refused(content$each(page$fits[[i]], page, i)))
  parts <- if (!is.null(content$each)) lapply(seq_along(page$fits), one)
  emit(c(sprintf("<section aria-labelledby=\"%s\">", id), heading(2, page$sections[[id]], id), shared, unlist(parts), "</section>"))
  tell_progress(page, match(id, names(page$sections)) / length(page$sections))
}

part_heading <- function(page, i) if (is.null(page$set)) NULL else heading(3, sprintf("`%s`", names(page$fits)[i]))

# Below a section's own heading, or below an outcome's.
sub_heading <- function(page, text) heading(if (is.null(page$set)) 3 else 4, text)

tell_progress <- function(page, share) if (!is.null(page$progress$tell)) page$progress$tell(share)

# What `code` makes, its warnings and notes under it; where a verb refuses, the reason.
said_or_refused <- function(code) {
  notes <- character()
  keep <- function(condition, restart) {
    notes <<- c(notes, trimws(conditionMessage(condition)))
    invokeRestart(restart)
  }
  html <- tryCatch(
    withCallingHandlers(code, warning = function(w) keep(w, "muffleWarning"), message = function(m) keep(m, "muffleMessage")),
    miv_error = function(e) paragraph("Not available for this fit. ", conditionMessage(e), class = "refused"),
    error = function(e) paragraph("This part failed, which is a fault of the package: ", conditionMessage(e), class = "refused fault"))
  c(html, if (length(notes)) paragraph("Note. ", unique(notes), class = "note"))
}
