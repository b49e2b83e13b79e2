package change

import "github.com/snapback-dev/snapback/kafka"

// Command returns the command of the plugin that makes the same change, for a shell.
// It makes it without looking at what was seen.
func (a Asked) Command() string {
	command := "kubectl snapback " + string(a.Name) + " " + a.Object + " -n " + a.Namespace
	switch {
	case !a.Name.NeedsReason():
		return command
	case a.Reason == "":
		return command + " --reason '…'"
	}
	return command + " --reason " + kafka.ShellWord(a.Reason)
}
