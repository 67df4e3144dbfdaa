using System.Text;
using ACCOffload.InfraManager.Cluster.Objects;
using ACCOffload.InfraManager.State.Policy.Kubernetes;
using ACCOffload.InfraManager.State.Policy.Rules;

namespace ACCOffload.InfraManager.Tests.Kubernetes.Policies;

/// <summary>Pods and Namespaces as the API server writes them (Kubernetes API reference, v1.34).</summary>
public sealed class PodReaderTests(ITestOutputHelper output)
{
    private const string Running = """
        {"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"shop","uid":"6b1f","resourceVersion":"7","labels":{"tier":"front","app":"web"},
        "annotations":{"a":"b"},"managedFields":[{"manager":"kubelet","fieldsV1":{"f:status":{"f:podIP":{}}}}]},
        "spec":{"nodeName":"node-2","containers":[{"name":"main","ports":[{"name":"http","containerPort":8080,"protocol":"TCP"},{"containerPort":9},{"name":"dns","containerPort":53,"protocol":"UDP"}]}],
        "initContainers":[{"name":"once","ports":[{"name":"setup","containerPort":1}]},{"name":"mesh","restartPolicy":"Always","ports":[{"name":"mesh","containerPort":15001}]}]},
        "status":{"phase":"Running","podIP":"10.244.2.7","podIPs":[{"ip":"10.244.2.7"},{"ip":"fd00::7"}]}}
        """;

    [Fact]
    public void A_pod_has_its_labels_addresses_and_named_ports()
    {
        var pod = Read(Running);

        Assert.Equal(new ObjectName("shop", "web-0"), pod.Name);
        Assert.Equal(("6b1f", "7", ""), (pod.Uid, pod.ResourceVersion, pod.Problem));
        Assert.Equal(
            new PodRecord(
                "shop", "web-0", LabelSet.Of(new Dictionary<string, string> { ["app"] = "web", ["tier"] = "front" }),
                [PolicyAddress.Parse("10.244.2.7"), PolicyAddress.Parse("fd00::7")],
                [new ContainerPort("http", 6, 8080), new ContainerPort("dns", 17, 53), new ContainerPort("mesh", 6, 15001)])
            {
                Uid = "6b1f",
                Node = "node-2",
            },
            pod.Record);
    }

    [Fact]
    public void The_mirror_of_a_static_pod_has_the_UID_that_the_runtime_knows()
    {
        Assert.Equal("c0ffee", Uid("""{"kubernetes.io/config.mirror":"c0ffee","kubernetes.io/config.hash":"c0ffee"}"""));
        // Without the other annotation, anybody could claim another pod's UID.
        Assert.Equal("u", Uid("""{"kubernetes.io/config.hash":"c0ffee"}"""));

        static string Uid(string annotations) => Record(
            $$$"""{"metadata":{"name":"a","namespace":"b","uid":"u","annotations":{{{annotations}}}}}""").Uid;
    }

    [Theory]
    [InlineData("""{"phase":"Pending"}""", "", false)]
    [InlineData("""{"phase":"Running","podIP":"10.0.0.1"}""", "10.0.0.1", false)]
    [InlineData("""{"phase":"Running","podIP":"10.0.0.1","podIPs":[]}""", "10.0.0.1", false)]
    [InlineData("""{"phase":"Succeeded","podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.1"}]}""", "10.0.0.1", true)]
    [InlineData("""{"phase":"Failed","podIPs":[{"ip":"fd00::1"}]}""", "fd00::1", true)]
    // The API allows one of each family.
    [InlineData("""{"phase":"Running","podIPs":[{"ip":"10.0.0.1"},{"ip":"10.0.0.2"},{"ip":"fd00::1"}]}""", "10.0.0.1 fd00::1", false)]
    public void Addresses_and_phase_come_from_the_status(string status, string addresses, bool isFinished)
    {
        var pod = Record($$$"""{"metadata":{"name":"a","namespace":"b"},"status":{{{status}}}}""");

        Assert.Equal((addresses, isFinished), (string.Join(' ', pod.Addresses), pod.IsFinished));
    }

    [Fact]
    public void A_pod_on_the_host_network_says_so()
    {
        Assert.True(Record("""{"metadata":{"name":"a","namespace":"b"},"spec":{"hostNetwork":true}}""").IsHostNetwork);
        Assert.False(Record("""{"metadata":{"name":"a","namespace":"b"},"spec":{}}""").IsHostNetwork);
    }

    [Theory]
    [InlineData("""{"metadata":{"name":"a","namespace":"b"},"status":{"podIPs":[{"ip":"10.0.0"}]}}""", "Pod b/a: status.podIPs[0].ip")]
    [InlineData("""{"metadata":{"name":"a","namespace":"b"},"spec":{"containers":[{"ports":[{"name":"x","containerPort":0}]}]}}""", "containerPort")]
    [InlineData("""{"metadata":{"name":"a","namespace":"b"},"spec":{"containers":[{"ports":[{"name":"x","containerPort":1,"protocol":"ICMP"}]}]}}""", "protocol")]
    [InlineData("""{"metadata":{"name":"a"}}""", "metadata.namespace: missing")]
    public void An_invalid_pod_is_refused_with_the_field(string json, string problem)
    {
        Assert.Contains(problem, Assert.Throws<KubeFormatException>(() => Read(json)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Of_an_unreadable_pod_nothing_is_known()
    {
        var pod = PodReader.Unreadable("""{"metadata":{"name":"a","namespace":"b"},"spec":7}"""u8, "why");

        Assert.Equal((new PolicyObjectKey(PolicyObjectKind.Pod, "b/a"), "why", true), (pod.Key, pod.Problem, pod.IsUnreadable));
        Assert.Null(pod.Record);
    }

    [Fact]
    public void A_namespace_has_its_labels()
    {
        var read = NamespaceReader.Read("""{"metadata":{"name":"shop","uid":"u","resourceVersion":"9","labels":{"team":"web","empty":null}}}"""u8);

        Assert.Equal(new NamespaceRecord("shop", LabelSet.Of(new Dictionary<string, string> { ["empty"] = "", ["team"] = "web" })), read.Record);
        Assert.Equal(new NamespaceRecord("shop", default), NamespaceReader.Unreadable("""{"metadata":{"name":"shop"}}"""u8, "why").Record);
    }

    /// <summary>A cluster has tens of thousands of pods, and each changes often.</summary>
    [Fact]
    public void Reading_a_pod_allocates_a_few_kilobytes()
    {
        var padding = string.Join(',', Enumerable.Range(0, 60).Select(i => $$"""{"name":"ENV_{{i}}","value":"some value that nobody reads {{i}}"}"""));
        var json = Encoding.UTF8.GetBytes(Running.Replace("""{"name":"main",""", $$"""{"name":"main","env":[{{padding}}],""", StringComparison.Ordinal));
        for (var i = 0; i < 100; i++)
        {
            PodReader.Read(json);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1000; i++)
        {
            PodReader.Read(json);
        }

        var each = (GC.GetAllocatedBytesForCurrentThread() - before) / 1000;
        output.WriteLine($"{json.Length} bytes of JSON: {each} bytes allocated");
        Assert.InRange(each, 1, 10_240);
    }

    private static PolicyResource Read(string json) => PodReader.Read(Encoding.UTF8.GetBytes(json));

    private static PodRecord Record(string json) => (PodRecord)Read(json).Record!;
}
