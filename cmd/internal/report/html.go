package report

import (
	_ "embed"
	"html/template"
	"io"

	"lapwing/event"
)

//go:embed page.html
var pageSource string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"stamp": stamp, "endpoint": endpoint, "number": number, "printable": Printable,
}).Parse(pageSource))

// Page is what one HTML report shows.
type Page struct {
	Title     string
	Lines     []string // what was read, in words
	Alerts    []event.Alert
	Endpoints []event.Endpoint
}

// HTML writes one self-contained page: no script, nothing fetched.
func HTML(w io.Writer, p Page) error { return page.Execute(w, p) }
