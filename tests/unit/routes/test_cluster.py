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
