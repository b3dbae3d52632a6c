package inventory

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// TestTrimKeepsWhatTellsAJVM holds that a detector still sees that a container is a JVM, and the heap that it may have, and that nothing
// else of a command line is kept: it may hold a password.
func TestTrimKeepsWhatTellsAJVM(t *testing.T) {
	env := func(name, value string) corev1.EnvVar { return corev1.EnvVar{Name: name, Value: value} }
	for _, c := range []struct {
		name      string
		container corev1.Container
		command   []string
		args      []string
		env       []corev1.EnvVar
	}{
		{name: "a jar", container: corev1.Container{Command: []string{"java", "-jar", "/srv/pricing.jar", "--password=secret"}}, command: []string{"java", "java"}},
		{name: "a path", container: corev1.Container{Command: []string{"/opt/jdk/bin/java"}, Args: []string{"-Xmx2g", "com.example.Main"}}, command: []string{"java"}, args: []string{"-Xmx2g"}},
		{name: "a shell", container: corev1.Container{Args: []string{"-c", "exec java -Xmx1g -Ddb.password=secret -jar app.jar"}}, args: []string{"java", "-Xmx1g"}},
		{
			name:      "options without a heap",
			container: corev1.Container{Env: []corev1.EnvVar{env("JAVA_OPTS", "-Dtoken=secret"), env("JAVA_TOOL_OPTIONS", "-XX:MaxRAMPercentage=75 -Dx=y"), env("TOKEN", "secret")}},
			env:       []corev1.EnvVar{env("JAVA_OPTS", ""), env("JAVA_TOOL_OPTIONS", "-XX:MaxRAMPercentage=75")},
		},
		{name: "no JVM", container: corev1.Container{Command: []string{"node", "javascript.js", "--javascript"}, Env: []corev1.EnvVar{env("MODE", "java-like")}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := newTrimmer().containers([]corev1.Container{c.container})[0]
			want := corev1.Container{Command: c.command, Args: c.args, Env: c.env}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("trimmed (-want +got):\n%s", d)
			}
		})
	}
}
