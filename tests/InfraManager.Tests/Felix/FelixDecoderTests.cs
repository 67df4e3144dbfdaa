using ACCOffload.InfraManager.State.Policy.Felix.Messages;
using ACCOffload.InfraManager.State.Policy.Felix.Wire;

namespace ACCOffload.InfraManager.Tests.Felix;

/// <summary>The captured frames, read.</summary>
public sealed class FelixDecoderTests
{
    public static TheoryData<int> Numbers => [.. Enumerable.Range(0, FelixCapture.Frames.Count)];

    [Theory]
    [MemberData(nameof(Numbers))]
    public void A_captured_frame_is_read_whole(int number)
    {
        var frame = FelixCapture.Frames[number];
        var decoder = new FelixDecoder();
        // The dialect, as the policies before it show it.
        FelixCapture.Messages(frame.Felix, "policy_").ToList().ForEach(m => decoder.Decode(m));

        var message = decoder.Decode(frame.Message);

        Assert.Equal(Decoded(frame, "sequence_number: ").Select(ulong.Parse).FirstOrDefault(), message.Sequence);
        Assert.True(message is not FelixIgnored { Problem.Length: > 0 }, $"{message}");
        switch (message)
        {
            case FelixSetUpdate update:
                Assert.Empty(update.Members.Unknown);
                Assert.Equal(Decoded(frame, "  members: ").Count, update.Members.Known.Count);
                Assert.Equal(Text(frame, "  id: "), update.Id);
                break;
            case FelixSetDelta delta:
                Assert.Empty(delta.Added.Unknown.Concat(delta.Removed.Unknown));
                Assert.Equal(Decoded(frame, "  added_members: ").Count, delta.Added.Known.Count);
                Assert.Equal(Decoded(frame, "  removed_members: ").Count, delta.Removed.Known.Count);
                break;
            case FelixPolicyUpdate policy:
                Check(frame, policy);
                break;
            case FelixEndpointUpdate endpoint:
                Check(frame, endpoint);
                break;
            default:
                Assert.DoesNotContain("policy_", frame.Name[..Math.Min(7, frame.Name.Length)]);
                Assert.False(frame.Name.StartsWith("wep_", StringComparison.Ordinal));
                break;
        }
    }

    private static void Check(CapturedFrame frame, FelixPolicyUpdate policy)
    {
        var rules = policy.Ingress!.Concat(policy.Egress!).ToList();
        Assert.DoesNotContain(rules, r => r.IsMalformed);
        Assert.Equal(Decoded(frame, "      action: ").Select(t => t.Trim('"')), rules.Select(r => r.Action));
        Assert.Equal(frame.Decoded.Contains("http_match", StringComparison.Ordinal), rules.Any(r => r.Undecidable == "http_match"));
        Assert.DoesNotContain(rules, r => r.Undecidable is not (null or "http_match"));
        Assert.Equal(Decoded(frame, "      src_net: ").Select(t => t.Trim('"')), rules.SelectMany(r => r.Source.Nets));
        Assert.Equal(Decoded(frame, "      not_src_net: ").Select(t => t.Trim('"')), rules.SelectMany(r => r.Source.NotNets));
        Assert.Equal(Decoded(frame, "      dst_net: ").Select(t => t.Trim('"')), rules.SelectMany(r => r.Destination.Nets));
        Assert.Equal(Decoded(frame, "      src_ip_set_ids: ").Select(t => t.Trim('"')), rules.SelectMany(r => r.Source.Sets));
        Assert.Equal(Decoded(frame, "      dst_ip_set_ids: ").Select(t => t.Trim('"')), rules.SelectMany(r => r.Destination.Sets));
        Assert.Equal(Decoded(frame, "        first: "), rules.SelectMany(r => r.Ports).Select(p => $"{p.First}"));
        Assert.Equal(Decoded(frame, "        last: "), rules.SelectMany(r => r.Ports).Select(p => $"{p.Last}"));
        var isStaged = frame.Decoded.Contains("\"Staged", StringComparison.Ordinal)
            || frame.Decoded.Contains("staged:", StringComparison.Ordinal);
        Assert.Equal(isStaged, policy.Id.IsStaged);
    }

    private static void Check(CapturedFrame frame, FelixEndpointUpdate update)
    {
        var endpoint = update.Endpoint;
        Assert.False(endpoint.IsMalformed);
        Assert.Equal("active", endpoint.State);
        Assert.Equal(Text(frame, "    workload_id: "), update.Id.Workload);
        Assert.Equal(Decoded(frame, "    profile_ids: ").Select(t => t.Trim('"')), endpoint.Profiles);
        Assert.Equal(Decoded(frame, "    ipv4_nets: ").Concat(Decoded(frame, "    ipv6_nets: ")).Select(t => t.Trim('"')), endpoint.Nets);
        Assert.Equal(Decoded(frame, "      default_action: ").Select(t => t.Trim('"')), endpoint.Tiers.Select(t => t.DefaultAction));
        Assert.Equal(
            Decoded(frame, "      ingress_policies").Count + Decoded(frame, "      egress_policies").Count,
            endpoint.Tiers.Sum(t => t.Ingress.Count + t.Egress.Count));
    }

    private static List<string> Decoded(CapturedFrame frame, string start) =>
        [.. frame.Decoded.Split('\n').Where(l => l.StartsWith(start, StringComparison.Ordinal)).Select(l => l[start.Length..])];

    private static string Text(CapturedFrame frame, string start) => Decoded(frame, start).Single().Trim('"');
}
