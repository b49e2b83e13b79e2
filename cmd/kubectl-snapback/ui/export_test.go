package ui

// MaxListeners is how many windows are told of changes.
const MaxListeners = maxListeners

// At returns the address on the server of a page.
func (s *Server) At(page string) string { return s.guard.At(page) }
