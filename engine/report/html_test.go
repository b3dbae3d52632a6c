package report_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/eks-autopilot/autopilot/engine/report"
)

func TestTry(t *testing.T) {
	for name, d := range digests() {
		var b bytes.Buffer
		if err := report.HTML(&b, d); err != nil {
			t.Fatal(err)
		}
		_ = os.WriteFile("/tmp/pg/"+name+".html", b.Bytes(), 0o600)
	}
}
