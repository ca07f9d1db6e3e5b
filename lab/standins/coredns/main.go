// Stands in for CoreDNS, which Debian has not: A records of Services and headless Endpoints, read from the API server.
// It takes CoreDNS's flag and Corefile (of which it reads the cluster's domain alone) and answers on its ports, so that
// kubeadm's own Deployment runs it unchanged.
package main

import (
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/miekg/dns"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	listers "k8s.io/client-go/listers/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
)

const (
	timeToLive     = 30 // kubeadm's Corefile says so
	resyncInterval = 10 * time.Minute
)

var clusterDomain = regexp.MustCompile(`(?m)^\s*kubernetes\s+(\S+)`)

type cluster struct {
	domain    string
	services  listers.ServiceLister
	endpoints listers.EndpointsLister
}

// addresses has the A records of a name below the cluster's domain; known says whether the name exists.
func (c cluster) addresses(name string) (found []string, known bool) {
	labels := strings.Split(strings.TrimSuffix(name, "."+c.domain), ".")
	count := len(labels)
	if count < 3 || count > 4 || labels[count-1] != "svc" {
		return nil, false
	}
	namespace, service := labels[count-2], labels[count-3]
	object, err := c.services.Services(namespace).Get(service)
	if err != nil {
		return nil, false
	}
	if object.Spec.ClusterIP != corev1.ClusterIPNone {
		return []string{object.Spec.ClusterIP}, count == 3
	}
	host := ""
	if count == 4 {
		host = labels[0]
	}
	found = c.ofEndpoints(namespace, service, host)
	return found, host == "" || len(found) > 0
}

func (c cluster) ofEndpoints(namespace, service, host string) (found []string) {
	object, err := c.endpoints.Endpoints(namespace).Get(service)
	if err != nil {
		return nil
	}
	for _, subset := range object.Subsets {
		for _, address := range subset.Addresses {
			if host == "" || host == address.Hostname || host == strings.ReplaceAll(address.IP, ".", "-") {
				found = append(found, address.IP)
			}
		}
	}
	return found
}

// answer replies for the cluster's own domain and refuses all other names: an air-gapped site has no resolver above.
func (c cluster) answer(writer dns.ResponseWriter, question *dns.Msg) {
	reply := new(dns.Msg)
	reply.SetReply(question)
	asked := question.Question[0]
	name := strings.ToLower(asked.Name)
	if !strings.HasSuffix(name, "."+c.domain) && name != c.domain {
		reply.Rcode = dns.RcodeRefused
	} else if found, known := c.addresses(name); known || name == c.domain {
		reply.Authoritative = true
		if asked.Qtype == dns.TypeA {
			for _, address := range found {
				header := dns.RR_Header{Name: asked.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: timeToLive}
				reply.Answer = append(reply.Answer, &dns.A{Hdr: header, A: net.ParseIP(address)})
			}
		}
	} else {
		reply.Authoritative = true
		reply.Rcode = dns.RcodeNameError
	}
	if err := writer.WriteMsg(reply); err != nil {
		log.Print(err)
	}
}

func domainOf(corefile string) (string, error) {
	text, err := os.ReadFile(corefile)
	if err != nil {
		return "", err
	}
	found := clusterDomain.FindSubmatch(text)
	if found == nil {
		return "", fmt.Errorf("%s: no line `kubernetes DOMAIN`", corefile)
	}
	return dns.Fqdn(strings.ToLower(string(found[1]))), nil
}

func serveHTTP(port int, path string, healthy func() bool) {
	mux := http.NewServeMux()
	mux.HandleFunc(path, func(writer http.ResponseWriter, _ *http.Request) {
		if !healthy() {
			writer.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	log.Fatal(http.ListenAndServe(fmt.Sprintf(":%d", port), mux))
}

func main() {
	corefile := flag.String("conf", "/etc/coredns/Corefile", "the Corefile")
	flag.Parse()
	domain, err := domainOf(*corefile)
	if err != nil {
		log.Fatal(err)
	}
	config, err := rest.InClusterConfig()
	if err != nil {
		log.Fatal(err)
	}
	factory := informers.NewSharedInformerFactory(kubernetes.NewForConfigOrDie(config), resyncInterval)
	services, endpoints := factory.Core().V1().Services(), factory.Core().V1().Endpoints()
	servicesThere, endpointsThere := services.Informer().HasSynced, endpoints.Informer().HasSynced
	stop := make(chan struct{})
	factory.Start(stop)
	go serveHTTP(8080, "/health", func() bool { return true })
	go serveHTTP(8181, "/ready", func() bool { return servicesThere() && endpointsThere() })
	cache.WaitForCacheSync(stop, servicesThere, endpointsThere)
	handler := dns.HandlerFunc(cluster{domain, services.Lister(), endpoints.Lister()}.answer)
	log.Printf("answering for %s", domain)
	go func() { log.Fatal((&dns.Server{Addr: ":53", Net: "tcp", Handler: handler}).ListenAndServe()) }()
	log.Fatal((&dns.Server{Addr: ":53", Net: "udp", Handler: handler}).ListenAndServe())
}
