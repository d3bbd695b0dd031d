// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func page(t *testing.T, c *cobra.Command) string {
	t.Helper()
	var b strings.Builder
	if err := Write(&b, c, "v1.2.3", time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestWrite(t *testing.T) {
	run := func(*cobra.Command, []string) {}
	root := &cobra.Command{Use: "tool", Short: "do things", Long: "Does things.\n\n  tool one-thing   -x \\n\n\n.hidden"}
	root.PersistentFlags().BoolP("verbose", "v", false, "verbose output")
	one := &cobra.Command{Use: "one-thing REF", Short: "do one", Long: "One.", Example: "  tool one-thing", Run: run}
	one.Flags().String("type", "net", "the `TYPE` of it")
	root.AddCommand(one, &cobra.Command{Use: "secret", Hidden: true, Run: run}, &cobra.Command{Use: "version", Run: run})
	for command, wants := range map[*cobra.Command][]string{
		root: {
			".TH TOOL 8 1970-01-01 \"nsinspect v1.2.3\"\n", "tool \\- do things\n",
			".RS 2\n.nf\ntool one\\-thing   \\-x \\en\n\n.fi\n.RE\n\\&.hidden\n",
			".BR tool\\-one\\-thing (8)\ndo one\n", "\\fB\\-v\\fR, \\fB\\-\\-verbose\\fR\nverbose output\n",
		},
		one: {"tool one\\-thing REF [flags]\n", ".SH EXAMPLES\n.PP\n.RS 2\n.nf\ntool one\\-thing\n.fi\n.RE\n", "\\fB\\-\\-type\\fR \\fITYPE\\fR\nthe TYPE of it\n", ".SH GLOBAL OPTIONS\n"},
	} {
		got := page(t, command)
		for _, want := range wants {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in:\n%s", want, got)
			}
		}
		if strings.Contains(got, "secret") || strings.Contains(got, "tool\\-version") {
			t.Errorf("a page for what needs none:\n%s", got)
		}
	}
}
