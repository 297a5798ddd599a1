package deploytest

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// versionOf is the API version of each kind that stands in the manifests.
var versionOf = map[string]string{
	"Namespace": "v1", "ServiceAccount": "v1", "Service": "v1", "Secret": "v1", "ConfigMap": "v1",
	"Deployment": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1",
	"PodDisruptionBudget": "policy/v1", "NetworkPolicy": "networking.k8s.io/v1",
}

// The fields that are known, by place: a misspelt one is silently ignored by
// some tools and refused by others. Smaller than the real schema.
var knownFields = map[string]string{
	"object":      "apiVersion kind metadata spec stringData type automountServiceAccountToken",
	"workload":    "replicas selector template strategy updateStrategy serviceName podManagementPolicy volumeClaimTemplates",
	"pod":         "serviceAccountName automountServiceAccountToken enableServiceLinks terminationGracePeriodSeconds securityContext topologySpreadConstraints containers initContainers volumes hostNetwork dnsPolicy tolerations",
	"container":   "name image args env ports livenessProbe readinessProbe resources securityContext volumeMounts restartPolicy",
	"probe":       "httpGet periodSeconds failureThreshold",
	"podsecurity": "runAsNonRoot runAsUser runAsGroup fsGroup fsGroupChangePolicy seccompProfile",
	"security":    "runAsNonRoot runAsUser runAsGroup allowPrivilegeEscalation readOnlyRootFilesystem capabilities seccompProfile",
	"volume":      "name configMap secret emptyDir hostPath",
	"mount":       "name mountPath readOnly",
}

func known(t *testing.T, where, kind string, n node) {
	t.Helper()
	for _, k := range keysOf(n) {
		if !slices.Contains(strings.Fields(knownFields[kind]), k) {
			t.Errorf("%s: unknown field %s", where, k)
		}
	}
}

// A manifest is one object, and the kustomization it belongs to.
type manifest struct {
	doc       map[string]any
	dir, name string
}

func (m *manifest) pod() node { return at(m.doc, "spec", "template", "spec") }

// manifests are all objects but the examples of secrets.
func manifests(t *testing.T) []*manifest {
	t.Helper()
	var out []*manifest
	for _, dir := range []string{"base", "sensor", "sidecar"} {
		k := documents(t, filepath.Join(root, "kubernetes", dir, "kustomization.yaml"))[0]
		listed := texts(k, "resources")
		for _, p := range list(k, "patches") {
			listed = append(listed, text(p, "path"))
		}
		for _, file := range listed {
			for _, doc := range documents(t, filepath.Join(root, "kubernetes", dir, file)) {
				out = append(out, &manifest{doc, dir, dir + "/" + file + " " + text(doc, "kind") + " " + text(doc, "metadata", "name")})
			}
		}
	}
	return out
}

func TestKustomizationsListEveryFile(t *testing.T) {
	for _, path := range files(t, "kubernetes", "kustomization.yaml") {
		dir := filepath.Dir(path)
		k := documents(t, path)[0]
		if text(k, "kind") != "Kustomization" || text(k, "apiVersion") != "kustomize.config.k8s.io/v1beta1" {
			t.Errorf("%s is a %s of %s", path, text(k, "kind"), text(k, "apiVersion"))
		}
		listed := map[string]bool{"kustomization.yaml": true, "secrets.example.yaml": true}
		for _, r := range texts(k, "resources") {
			listed[r] = true
		}
		for _, p := range list(k, "patches") {
			listed[text(p, "path")] = true
		}
		for _, g := range list(k, "configMapGenerator") {
			for _, f := range texts(g, "files") {
				listed[f] = true
			}
		}
		for _, image := range list(k, "images") {
			pinned(t, path, text(image, "newName")+":"+text(image, "newTag"))
		}
		for _, pattern := range []string{"*.yaml", "config/*.yaml"} {
			found, err := filepath.Glob(filepath.Join(dir, pattern))
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range found {
				rel, _ := filepath.Rel(dir, f)
				if !listed[rel] {
					t.Errorf("%s does not name %s", path, rel)
				}
			}
		}
	}
}

func TestManifestsAreWellFormed(t *testing.T) {
	all := manifests(t)
	all = append(all, secrets(t)...)
	for _, m := range all {
		kind := text(m.doc, "kind")
		if want, ok := versionOf[kind]; !ok || text(m.doc, "apiVersion") != want {
			t.Errorf("%s: apiVersion %q, want %q", m.name, text(m.doc, "apiVersion"), want)
		}
		known(t, m.name, "object", m.doc)
		if m.pod() == nil {
			continue
		}
		known(t, m.name, "workload", at(m.doc, "spec"))
		known(t, m.name, "pod", m.pod())
		known(t, m.name, "podsecurity", at(m.pod(), "securityContext"))
		for _, v := range list(m.pod(), "volumes") {
			known(t, m.name+" volume", "volume", v)
		}
		for _, c := range containers(m) {
			where := m.name + " container " + text(c, "name")
			known(t, where, "container", c)
			known(t, where, "security", at(c, "securityContext"))
			for _, p := range []string{"livenessProbe", "readinessProbe"} {
				known(t, where+" "+p, "probe", at(c, p))
			}
			for _, mount := range list(c, "volumeMounts") {
				known(t, where, "mount", mount)
			}
		}
	}
}

func secrets(t *testing.T) []*manifest {
	var out []*manifest
	for _, doc := range documents(t, filepath.Join(root, "kubernetes", "secrets.example.yaml")) {
		out = append(out, &manifest{doc, "", "Secret " + text(doc, "metadata", "name")})
	}
	return out
}

func containers(m *manifest) []any {
	return append(slices.Clone(list(m.pod(), "containers")), list(m.pod(), "initContainers")...)
}

// ours are the containers that run Lapwing.
func ours(m *manifest) []any {
	return slices.DeleteFunc(containers(m), func(c any) bool { return !strings.HasPrefix(text(c, "image"), "lapwing") })
}

func TestPodsHoldNoMoreThanTheyNeed(t *testing.T) {
	seen := 0
	for _, m := range manifests(t) {
		for _, c := range containers(m) {
			seen++
			where := m.name + " " + text(c, "name")
			s := at(c, "securityContext")
			if text(s, "allowPrivilegeEscalation") != "false" || !slices.Equal(texts(s, "capabilities", "drop"), []string{"ALL"}) {
				t.Errorf("%s may gain privileges", where)
			}
			added := texts(s, "capabilities", "add")
			if m.dir == "sensor" {
				// Added capabilities reach user 0 only; it has no other power.
				if !slices.Equal(added, []string{"NET_RAW"}) || text(s, "runAsUser") != "0" {
					t.Errorf("%s: adds %q as user %s", where, added, text(s, "runAsUser"))
				}
			} else if len(added) > 0 || text(s, "runAsNonRoot")+text(m.pod(), "securityContext", "runAsNonRoot") != "true" {
				t.Errorf("%s: adds %q, or may be root", where, added)
			}
			if text(s, "seccompProfile", "type")+text(m.pod(), "securityContext", "seccompProfile", "type") != "RuntimeDefault" {
				t.Errorf("%s has no seccomp profile", where)
			}
			if at(c, "resources", "limits", "memory") == nil || at(c, "resources", "requests", "cpu") == nil || at(c, "resources", "limits", "cpu") != nil {
				t.Errorf("%s: resources %v", where, at(c, "resources"))
			}
		}
		for _, c := range ours(m) {
			if text(c, "securityContext", "readOnlyRootFilesystem") != "true" {
				t.Errorf("%s writes to its root", m.name)
			}
		}
		if m.pod() == nil {
			continue
		}
		if m.dir != "sensor" && at(m.pod(), "hostNetwork") != nil {
			t.Errorf("%s is in the host's network", m.name)
		}
		for _, v := range list(m.pod(), "volumes") {
			if at(v, "hostPath") != nil && m.dir != "sensor" || at(v, "emptyDir") != nil && at(v, "emptyDir", "sizeLimit") == nil {
				t.Errorf("%s: volume %v has no bound", m.name, v)
			}
		}
		if len(ours(m)) > 0 && text(m.pod(), "enableServiceLinks") != "false" {
			t.Errorf("%s: variables of services named lapwing would be read as configuration", m.name)
		}
	}
	if seen < 6 {
		t.Errorf("%d containers looked at", seen)
	}
}

// What a container is told agrees with what is there: configuration files,
// secrets, mounts, ports, probes and the annotations that scrapers read.
func TestPodsFitTogether(t *testing.T) {
	held := map[string][]string{}
	for _, s := range secrets(t) {
		held[text(s.doc, "metadata", "name")] = keysOf(at(s.doc, "stringData"))
	}
	for _, m := range manifests(t) {
		if len(ours(m)) == 0 {
			continue
		}
		k := documents(t, filepath.Join(root, "kubernetes", m.dir, "kustomization.yaml"))[0]
		for _, c := range ours(m) {
			config := configOf(t, m, k, c)
			mounts := map[string]string{} // path to volume
			for _, mount := range list(c, "volumeMounts") {
				mounts[text(mount, "mountPath")] = text(mount, "name")
				if m.dir == "sidecar" && text(mount, "name") == "logs" {
					continue // the volume of the workload that the patch is laid over
				}
				if named(list(m.pod(), "volumes"), text(mount, "name")) == nil && named(templates(m), text(mount, "name")) == nil {
					t.Errorf("%s mounts %s, which is no volume", m.name, text(mount, "name"))
				}
			}
			secret := text(named(list(m.pod(), "volumes"), mounts["/run/lapwing"]), "secret", "secretName")
			for _, file := range secretFiles(config) {
				if !slices.Contains(held[secret], file) {
					t.Errorf("%s: its configuration reads %s, secret %s has %q", m.name, file, secret, held[secret])
				}
			}
			port := metricsPort(t, c)
			for _, p := range []struct{ probe, path string }{{"livenessProbe", "/livez"}, {"readinessProbe", "/readyz"}} {
				probe := at(c, p.probe)
				if probe == nil && p.probe == "readinessProbe" && m.dir == "sidecar" {
					continue // a sensor never makes its host's pod unready
				}
				asked := text(probe, "httpGet", "port")
				if text(probe, "httpGet", "path") != p.path || asked != "metrics" && asked != port {
					t.Errorf("%s: %s asks %v", m.name, p.probe, at(probe, "httpGet"))
				}
			}
			annotations := at(m.doc, "spec", "template", "metadata", "annotations")
			if text(annotations, "prometheus.io/scrape") != "true" || text(annotations, "prometheus.io/port") != port {
				t.Errorf("%s listens at %s and is scraped at %v", m.name, port, annotations)
			}
		}
	}
}

func templates(m *manifest) []any {
	var out []any
	for _, v := range list(m.doc, "spec", "volumeClaimTemplates") {
		out = append(out, map[string]any{"name": text(v, "metadata", "name")})
	}
	return out
}

// metricsPort is the port that the environment names, checked against the
// container's ports.
func metricsPort(t *testing.T, c node) string {
	t.Helper()
	listen := text(named(list(c, "env"), "LAPWING_METRICS__LISTEN"), "value")
	_, port, ok := strings.Cut(listen, ":")
	if got := text(named(list(c, "ports"), "metrics"), "containerPort"); !ok || got != port {
		t.Errorf("%s listens at %q and declares %q", text(c, "name"), listen, got)
	}
	return port
}

// configOf reads the configuration that the arguments of a container name.
func configOf(t *testing.T, m *manifest, k, c node) node {
	t.Helper()
	args := texts(c, "args")
	i := slices.Index(args, "--config")
	if i < 0 {
		t.Fatalf("%s has no --config", m.name)
	}
	if j := slices.Index(args, "--target"); j >= 0 && args[j+1] != text(c, "name") {
		t.Errorf("%s: container %s runs %s", m.name, text(c, "name"), args[j+1])
	}
	dir, file := filepath.Split(args[i+1])
	for _, g := range list(k, "configMapGenerator") {
		for _, f := range texts(g, "files") {
			if filepath.Base(f) != file {
				continue
			}
			for _, mount := range list(c, "volumeMounts") {
				v := named(list(m.pod(), "volumes"), text(mount, "name"))
				if text(v, "configMap", "name") == text(g, "name") && filepath.Clean(dir) == text(mount, "mountPath") {
					return documents(t, filepath.Join(root, "kubernetes", m.dir, f))[0]
				}
			}
		}
	}
	t.Fatalf("%s: nothing puts %s there", m.name, args[i+1])
	return nil
}

// secretFiles are the names of the files below /run/lapwing that a
// configuration names.
func secretFiles(n node) []string {
	var out []string
	switch v := n.(type) {
	case map[string]any:
		for _, e := range v {
			out = append(out, secretFiles(e)...)
		}
	case []any:
		for _, e := range v {
			out = append(out, secretFiles(e)...)
		}
	case string:
		if dir, file := filepath.Split(v); dir == "/run/lapwing/" {
			out = append(out, file)
		}
	}
	return out
}

// Selectors select something: a budget or a policy that matches nothing is
// worse than none.
func TestSelectorsMatch(t *testing.T) {
	all := manifests(t)
	var labels []node
	for _, m := range all {
		if m.pod() == nil || m.name == "sidecar/sensor.patch.yaml Deployment any" {
			continue
		}
		have := at(m.doc, "spec", "template", "metadata", "labels")
		labels = append(labels, have)
		if !matches(at(m.doc, "spec", "selector"), have) {
			t.Errorf("%s does not select its own pods", m.name)
		}
	}
	for _, m := range all {
		var selector node
		switch text(m.doc, "kind") {
		case "PodDisruptionBudget":
			selector = at(m.doc, "spec", "selector")
		case "NetworkPolicy":
			selector = at(m.doc, "spec", "podSelector")
		case "Service":
			selector = map[string]any{"matchLabels": at(m.doc, "spec", "selector")}
		default:
			continue
		}
		if !slices.ContainsFunc(labels, func(l node) bool { return matches(selector, l) }) {
			t.Errorf("%s selects nothing", m.name)
		}
	}
}

func matches(selector, labels node) bool {
	for _, k := range keysOf(at(selector, "matchLabels")) {
		if text(labels, k) != text(selector, "matchLabels", k) {
			return false
		}
	}
	for _, e := range list(selector, "matchExpressions") {
		if text(e, "operator") != "In" || !slices.Contains(texts(e, "values"), text(labels, text(e, "key"))) {
			return false
		}
	}
	return true
}

// kubectl carries kustomize and needs no cluster to build.
func TestKustomizeBuilds(t *testing.T) {
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("no kubectl here")
	}
	for dir, want := range map[string][]string{
		".":       {"Namespace lapwing", "Namespace lapwing-sensor", "DaemonSet lapwing-sensor", "Deployment lapwing-detector", "Deployment lapwing-archiver", "StatefulSet lapwing-alerter", "NetworkPolicy lapwing-default"},
		"sidecar": {"Deployment gateway"},
	} {
		out, err := exec.Command(kubectl, "kustomize", filepath.Join(root, "kubernetes", dir)).Output()
		if err != nil {
			t.Fatalf("%s: %v", dir, err)
		}
		docs, err := decode(out)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, d := range docs {
			name := text(d, "kind") + " " + text(d, "metadata", "name")
			got = append(got, name)
			m := &manifest{doc: d}
			for _, c := range containers(m) {
				pinned(t, name, text(c, "image"))
			}
			if name == "Deployment gateway" {
				if n := len(containers(m)); n != 2 {
					t.Errorf("the patch gives %d containers", n)
				}
			}
			for _, v := range list(m.pod(), "volumes") {
				if c := text(v, "configMap", "name"); c != "" && !slices.ContainsFunc(docs, func(o map[string]any) bool {
					return text(o, "kind") == "ConfigMap" && text(o, "metadata", "name") == c
				}) {
					t.Errorf("%s mounts ConfigMap %s, which is not made", name, c)
				}
			}
		}
		for _, w := range want {
			if !slices.Contains(got, w) {
				t.Errorf("%s: no %s among %s", dir, w, fmt.Sprint(got))
			}
		}
	}
}
