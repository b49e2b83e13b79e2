package ui

// At returns the address on the server of a page.
func (s *Server) At(page string) string { return s.guard.At(page) }
