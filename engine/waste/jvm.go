package waste

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// A JVM takes the heap that it is told to and rarely gives it back, so that what it used so far says little of what it will: its memory
// is judged by the heap that it may have.

const (
	plainWord       = 7         // letters, from which a word stands for a JVM inside of another too: amazoncorretto
	heapOverhead    = 0.25      // of the heap: metaspace, threads, code cache, buffers outside of it
	leastOverhead   = 256 * mib // they take so much for any heap
	wordBoundary    = `(?:^|[\s"'=,;])`
	maxHeapFlag     = wordBoundary + `-Xmx(\d+)([kKmMgGtT]?)`
	maxHeapSizeFlag = wordBoundary + `-XX:MaxHeapSize=(\d+)([kKmMgGtT]?)`
	maxShareFlag    = wordBoundary + `-XX:MaxRAMPercentage=(\d+(?:\.\d+)?)`
)

var (
	heapFlags = []*regexp.Regexp{regexp.MustCompile(maxHeapFlag), regexp.MustCompile(maxHeapSizeFlag)}
	shareFlag = regexp.MustCompile(maxShareFlag)
	javaWord  = regexp.MustCompile(`(?:^|[\s/"'])(?:java|jsvc|catalina\.sh)(?:$|[\s"'])|\.(?:jar|war)(?:$|[\s"'])`)
	wordParts = regexp.MustCompile(`[^a-z0-9]+`)
)

// javaImages are words of an image's name that stand for a JVM.
var javaImages = []string{
	"java", "jdk", "jre", "openjdk", "temurin", "corretto", "zulu", "graalvm", "liberica", "sapmachine", "tomcat", "jetty", "wildfly",
	"jboss", "liberty", "spring", "quarkus", "micronaut", "kafka", "zookeeper", "elasticsearch", "opensearch", "logstash", "cassandra",
	"keycloak", "jenkins", "activemq", "artemis", "solr", "hadoop", "hbase", "hive", "spark", "flink", "trino", "presto", "neo4j",
	"sonarqube", "nexus3", "pulsar", "druid", "nifi", "strimzi", "debezium", "artifactory",
}

// jvm tells whether a container runs a JVM, and the most that its heap can come to in bytes: 0 where nobody knows.
func jvm(c corev1.Container, u Usage) (is bool, heap int64) {
	if u.JVMHeap > 0 {
		return true, u.JVMHeap
	}
	limit := c.Resources.Limits.Memory().Value()
	texts := []string{strings.Join(append(slices.Clone(c.Command), c.Args...), " ")}
	for _, e := range c.Env {
		texts = append(texts, e.Value)
		name := strings.ToUpper(e.Name)
		is = is || strings.Contains(name, "JAVA") || strings.Contains(name, "JVM") || strings.Contains(name, "JDK") ||
			name == "CATALINA_OPTS" || strings.HasSuffix(name, "_HEAP_OPTS")
	}
	for _, t := range texts {
		h, said := heapOf(t, limit)
		is = is || said || javaWord.MatchString(t)
		heap = max(heap, h)
	}
	return is || javaImage(c.Image), heap
}

// heapOf reads the options of a JVM: what its heap may come to in bytes, 0 where that is not said; said tells whether it has any
// option of a heap. The last of two that contradict each other wins, as it does in the JVM.
func heapOf(options string, limit int64) (heap int64, said bool) {
	for _, flag := range heapFlags {
		if all := flag.FindAllStringSubmatch(options, -1); len(all) > 0 {
			last := all[len(all)-1]
			return bytesOf(last[1], last[2]), true
		}
	}
	all := shareFlag.FindAllStringSubmatch(options, -1)
	if len(all) == 0 {
		return 0, false
	}
	share, err := strconv.ParseFloat(all[len(all)-1][1], 64)
	if err != nil || share <= 0 || share > 100 {
		return 0, true
	}
	return int64(share / 100 * float64(limit)), true // of the node's memory where there is no limit: not known here
}

func bytesOf(digits, unit string) int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return 0
	}
	shift := map[string]uint{"": 0, "k": 10, "m": 20, "g": 30, "t": 40}[strings.ToLower(unit)]
	if n > absurdMemory>>shift {
		return 0
	}
	return n << shift
}

func javaImage(image string) bool {
	image, _, _ = strings.Cut(strings.ToLower(image), "@")
	return slices.ContainsFunc(wordParts.Split(image, -1), func(word string) bool {
		return slices.ContainsFunc(javaImages, func(java string) bool {
			return word == java || len(java) >= plainWord && strings.Contains(word, java)
		})
	})
}

// heapFloor is the memory that a JVM with such a heap needs.
func heapFloor(heap int64) int64 {
	return heap + max(int64(heapOverhead*float64(heap)), leastOverhead)
}
