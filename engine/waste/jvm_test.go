package waste

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestJVM(t *testing.T) {
	env := func(name, value string) func(*corev1.Container) {
		return func(c *corev1.Container) { c.Env = append(c.Env, corev1.EnvVar{Name: name, Value: value}) }
	}
	cases := []struct {
		name string
		make func(*corev1.Container)
		seen int64
		is   bool
		heap int64
	}{
		{"no JVM", func(*corev1.Container) {}, 0, false, 0},
		{"seen by its metrics", func(*corev1.Container) {}, 300 * mib, true, 300 * mib},
		{"an image of Java", func(c *corev1.Container) { c.Image = "public.ecr.aws/docker/library/amazoncorretto:21" }, 0, true, 0},
		{"a tag of Java", func(c *corev1.Container) { c.Image = "registry/api:17-jre" }, 0, true, 0},
		{"kafka", func(c *corev1.Container) { c.Image = "quay.io/strimzi/kafka:0.40.0-kafka-3.7.0@sha256:0badjre" }, 0, true, 0},
		{"a word that only looks like it", func(c *corev1.Container) { c.Image = "registry/javascript-app:1" }, 0, false, 0},
		{"a digest is no name", func(c *corev1.Container) { c.Image = "registry/app@sha256:java" }, 0, false, 0},
		{"a command", func(c *corev1.Container) { c.Command = []string{"/usr/bin/java", "-jar", "/app.jar"} }, 0, true, 0},
		{"a shell that runs it", func(c *corev1.Container) { c.Command = []string{"sh", "-c", "exec java -Xmx1g -jar app.jar"} }, 0, true, gib},
		{"megabytes", env("JAVA_OPTS", "-Xms64m -Xmx512m -XX:+UseG1GC"), 0, true, 512 * mib},
		{"kilobytes", env("JAVA_TOOL_OPTIONS", "-Xmx524288K"), 0, true, 512 * mib},
		{"plain bytes", env("JDK_JAVA_OPTIONS", "-Xmx1073741824"), 0, true, gib},
		{"another spelling", env("OPTS", "-XX:MaxHeapSize=2g"), 0, true, 2 * gib},
		{"the last one wins", env("JAVA_OPTS", "-Xmx512m -Xmx768m"), 0, true, 768 * mib},
		{"a share of the limit", env("JAVA_OPTS", "-XX:MaxRAMPercentage=50.0"), 0, true, gib},
		{"a share that is none", env("JAVA_OPTS", "-XX:MaxRAMPercentage=500"), 0, true, 0},
		{"the higher of two variables", func(c *corev1.Container) {
			env("JAVA_OPTS", "-Xmx512m")(c)
			env("KAFKA_HEAP_OPTS", "-Xmx1g")(c)
		}, 0, true, gib},
		{"a variable that comes from elsewhere", func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "JAVA_OPTS", ValueFrom: &corev1.EnvVarSource{}}}
		}, 0, true, 0},
		{"more than there is", env("JAVA_OPTS", "-Xmx99999999999t"), 0, true, 0},
		{"a number that is none", env("JAVA_OPTS", "-Xmx99999999999999999999999"), 0, true, 0},
		{"not an option", env("URL", "http://x/?a-Xmx512m"), 0, false, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := box("app", "1", "1Gi", "", "2Gi")
			c.make(&b)
			if is, heap := jvm(b, Usage{JVMHeap: c.seen}); is != c.is || heap != c.heap {
				t.Errorf("%v, %d, want %v, %d", is, heap, c.is, c.heap)
			}
		})
	}
}

func TestHeapFloor(t *testing.T) {
	for heap, want := range map[int64]int64{256 * mib: 512 * mib, gib: gib + 256*mib, 8 * gib: 10 * gib} {
		if got := heapFloor(heap); got != want {
			t.Errorf("heap of %d: %d, want %d", heap, got, want)
		}
	}
}

func FuzzHeapOf(f *testing.F) {
	for _, seed := range []string{"", "-Xmx512m", "-Xms1g -Xmx2G", "-XX:MaxRAMPercentage=75.0", "-XX:MaxHeapSize=1t", "-Xmx9999999999999999999k", "\x00-Xmx1m"} {
		f.Add(seed, int64(gib))
	}
	f.Fuzz(func(t *testing.T, options string, limit int64) {
		limit = min(max(limit, 0), absurdMemory)
		heap, said := heapOf(options, limit)
		if heap < 0 || heap > absurdMemory || heap > 0 && !said {
			t.Errorf("heap %d (%v) of %q", heap, said, options)
		}
	})
}
