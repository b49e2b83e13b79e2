package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/snapback-dev/snapback/cmd/kubectl-snapback/inventory"
)

// completeOne completes the first argument with names from the namespace.
func (o *options) completeOne(names func(*inventory.Inventory) []string) cobra.CompletionFunc {
	complete := o.completeSome(names)
	return func(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
		if len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return complete(cmd, args, typed)
	}
}

// completeSome completes all arguments.
func (o *options) completeSome(names func(*inventory.Inventory) []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		_, all, err := o.load(cmd.Context())
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		left := slices.DeleteFunc(names(all), func(name string) bool { return slices.Contains(args, name) })
		slices.Sort(left)
		return slices.Compact(left), cobra.ShellCompDirectiveNoFileComp
	}
}

func clusterNames(i *inventory.Inventory) (names []string) {
	for _, key := range i.Clusters() {
		names = append(names, key.Name)
	}
	return names
}

func backupNames(i *inventory.Inventory) (names []string) {
	for _, b := range i.Backups {
		names = append(names, b.Name)
	}
	return names
}

func brokerNames(i *inventory.Inventory) (names []string) {
	for _, v := range i.Volumes {
		names = append(names, v.Node)
	}
	return names
}

func claimNames(i *inventory.Inventory) (names []string) {
	for _, v := range i.Volumes {
		for _, c := range v.Claims {
			names = append(names, c.Name)
		}
	}
	return names
}

func snapshotNames(i *inventory.Inventory) (names []string) {
	for _, v := range i.Volumes {
		for _, s := range v.Snapshots {
			names = append(names, s.Name)
		}
	}
	return names
}
