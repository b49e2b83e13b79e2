# Prints one version's section of a CHANGELOG.md in the form of Keep a Changelog:
# as it stands, or with as=annotation as the list that Artifact Hub's annotation
# "changes" has. Fails without such a section, so that no release lacks one.
function entry() {
	if (text == "") return
	gsub(/'/, "''", text)
	if (as == "annotation") print "- kind: " kind "\n  description: '" text "'"
	text = ""
}
/^## / {
	entry()
	name = $2
	gsub(/[][]/, "", name)
	sub(/^v/, "", name)
	if (on = name == version) found = 1
	next
}
!on { next }
as != "annotation" { print; next }
/^### / { entry(); kind = tolower($2); next }
/^- / { entry(); text = substr($0, 3); next }
!NF { entry(); next }
text != "" { sub(/^ +/, ""); text = text " " $0 }
END {
	entry()
	if (!found) {
		print FILENAME ": no section for " version ": write \"## [" version "] - DATE\" and what has changed" > "/dev/stderr"
		exit 1
	}
}
