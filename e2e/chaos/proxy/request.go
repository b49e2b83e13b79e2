package proxy

import (
	"net/http"
	"strings"
)

// Request is what a fault is told of a request, or of what comes on a link.
type Request struct {
	Component string // whose it is: webhook-0, csi-provisioner, people, …; or the name of a link
	Verb      string // of HTTP
	Path      string
	Watch     bool
	List      bool // it asks for all objects of a kind; a watch can begin with that
	Open      bool // of a watch or a link: it has begun before
}

// Writes reports whether a request changes an object that is there, or makes one.
func (r Request) Writes() bool {
	return r.Verb == http.MethodPost || r.Verb == http.MethodPut || r.Verb == http.MethodPatch
}

func requestOf(component string, r *http.Request) Request {
	query := r.URL.Query()
	watch := query.Get("watch") == "true"
	return Request{Component: component, Verb: r.Method, Path: r.URL.Path, Watch: watch,
		List: r.Method == http.MethodGet && isCollection(r.URL.Path) && (!watch || query.Get("sendInitialEvents") == "true")}
}

// isCollection reports whether a path of the apiserver is that of all objects of a
// kind, in a namespace or in all of them.
func isCollection(path string) bool {
	words := strings.Split(strings.Trim(path, "/"), "/")
	switch {
	case len(words) > 2 && words[0] == "api": // api/v1/pods
		words = words[2:]
	case len(words) > 3 && words[0] == "apis": // apis/apps/v1/deployments
		words = words[3:]
	default:
		return false
	}
	if words[0] == "namespaces" && len(words) > 2 {
		words = words[2:]
	}
	return len(words) == 1
}
