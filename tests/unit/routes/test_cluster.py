"""Reading the live cluster: which lists, in how many pages, from which API."""

import pytest

from tasks.routes.cluster import PAGE, SINGLE_READS, items, read_objects

LOCAL = {"type": "LoadBalancer", "clusterIP": "10.33.130.1", "externalTrafficPolicy": "Local"}
PLAIN = {"type": "ClusterIP", "clusterIP": "10.33.130.2"}


class Served:
    """An API that serves these lists and objects, and remembers what it was asked."""

    def __init__(self, **paths):
        self.paths = paths
        self.asked = []

    def get(self, path, query=None):
        self.asked.append((path, query))
        found = self.paths.get(path)
        return {"items": found} if isinstance(found, list) else found

    def asked_paths(self):
        return [path for path, _ in self.asked]


def service(name, spec):
    return {"metadata": {"namespace": "default", "name": name}, "spec": spec}


def test_nothing_is_asked_about_endpoints_without_a_local_service():
    api = Served(**{"/api/v1/services": [service("plain", PLAIN)]})
    assert read_objects(api).endpoints == ()
    assert not [path for path in api.asked_paths() if "endpoints" in path or "discovery" in path]


def test_endpoint_slices_are_asked_for_by_name_where_the_api_has_them():
    api = Served(
        **{
            "/api/v1/services": [service("web", LOCAL), service("plain", PLAIN)],
            "/apis/discovery.k8s.io/v1": {"resources": []},
            "/apis/discovery.k8s.io/v1/endpointslices": [{"kind": "EndpointSlice"}],
        }
    )
    assert read_objects(api).endpoints == ({"kind": "EndpointSlice"},)
    (query,) = [query for path, query in api.asked if path.endswith("/endpointslices")]
    assert query["labelSelector"] == "kubernetes.io/service-name in (web)"


def test_a_few_endpoints_are_read_one_by_one_where_there_are_no_slices():
    api = Served(
        **{
            "/api/v1/services": [service("web", LOCAL)],
            "/api/v1/namespaces/default/endpoints/web": {"kind": "Endpoints"},
        }
    )
    assert read_objects(api).endpoints == ({"kind": "Endpoints"},)
    assert "/api/v1/endpoints" not in api.asked_paths()


def test_many_endpoints_are_read_as_a_list():
    many = [service(f"web-{number}", LOCAL) for number in range(SINGLE_READS + 1)]
    api = Served(**{"/api/v1/services": many, "/api/v1/endpoints": [{"kind": "Endpoints"}]})
    assert read_objects(api).endpoints == ({"kind": "Endpoints"},)


@pytest.mark.parametrize("base", ["/apis/crd.projectcalico.org/v1", "/apis/projectcalico.org/v3"])
def test_calicos_objects_are_found_in_either_api(base):
    api = Served(
        **{f"{base}/blockaffinities": [{"kind": "BlockAffinity"}], f"{base}/bgpconfigurations/default": {"spec": {}}}
    )
    found = read_objects(api)
    assert found.block_affinities == ({"kind": "BlockAffinity"},)
    assert found.bgp_configuration == {"spec": {}}


def test_allocations_are_read_only_where_addresses_may_be_borrowed():
    base = "/apis/crd.projectcalico.org/v1"
    lists = {f"{base}/ipamblocks": [{"kind": "IPAMBlock"}]}
    assert read_objects(Served(**lists)).ipam_blocks == ({"kind": "IPAMBlock"},)
    strict = Served(**lists, **{f"{base}/ipamconfigs/default": {"spec": {"strictAffinity": True}}})
    assert read_objects(strict).ipam_blocks == ()
    assert f"{base}/ipamblocks" not in strict.asked_paths()


V3_SERVICE = "/apis/apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org"
STORED, V3 = "/apis/crd.projectcalico.org/v1", "/apis/projectcalico.org/v3"


def test_where_calicos_kinds_are_crds_of_v3_what_was_left_of_the_older_group_does_not_count():
    lists = {f"{STORED}/blockaffinities": ["old"], f"{V3}/blockaffinities": ["new"], f"{V3}/ipamblocks": ["block"]}
    found = read_objects(Served(**{V3_SERVICE: {"spec": {"group": "projectcalico.org"}}}, **lists))
    assert (found.block_affinities, found.ipam_blocks) == (("new",), ("block",))
    aggregated = {
        "spec": {"group": "projectcalico.org", "service": {"name": "calico-api", "namespace": "calico-system"}}
    }
    assert read_objects(Served(**{V3_SERVICE: aggregated}, **lists)).block_affinities == ("old",)


def test_strict_affinity_of_v3_crds_is_seen():
    native = {V3_SERVICE: {"spec": {"group": "projectcalico.org"}}, f"{V3}/ipamblocks": ["block"]}
    strict = Served(**native, **{f"{V3}/ipamconfigurations/default": {"spec": {"strictAffinity": True}}})
    assert read_objects(strict).ipam_blocks == ()


@pytest.mark.parametrize("base", [STORED, V3])
def test_the_version_that_runs_is_read_from_clusterinformation(base):
    api = Served(**{f"{base}/clusterinformations/default": {"spec": {"calicoVersion": "v3.32.1"}}})
    assert read_objects(api).calico_version == "v3.32.1"
    assert read_objects(Served()).calico_version == ""


def test_without_aggregation_the_endpoints_of_every_service_are_asked_for():
    api = Served(
        **{
            "/api/v1/services": [service("plain", PLAIN)],
            f"{STORED}/bgpconfigurations/default": {"spec": {"serviceLoadBalancerAggregation": "Disabled"}},
            "/apis/discovery.k8s.io/v1": {"resources": []},
            "/apis/discovery.k8s.io/v1/endpointslices": [{"kind": "EndpointSlice"}],
        }
    )
    assert read_objects(api).endpoints == ({"kind": "EndpointSlice"},)


def test_a_long_list_is_read_in_pages():
    class Pages:
        def __init__(self):
            self.asked = []

        def get(self, _, query=None):
            self.asked.append(query)
            token = query.get("continue", "")
            return {"": {"items": [1, 2], "metadata": {"continue": "more"}}, "more": {"items": [3], "metadata": {}}}[
                token
            ]

    api = Pages()
    assert items(api, "/api/v1/services") == [1, 2, 3]
    assert api.asked == [{"limit": str(PAGE)}, {"limit": str(PAGE), "continue": "more"}]
