using ACCOffload.HostStub.Acc;
using Grpc.Core;

namespace ACCOffload.HostStub.Tests;

public sealed class AccErrorsTests
{
    [Fact]
    public void Every_status_is_a_sentence()
    {
        foreach (var code in Enum.GetValues<StatusCode>().Where(c => c != StatusCode.OK))
        {
            // gRPC's own client fills the detail with the code.
            foreach (var detail in (string[])["", code.ToString()])
            {
                var e = AccErrors.ToCni("attach c1/eth0", new RpcException(new Status(code, detail)));
                Assert.Contains(' ', e.Details);
                Assert.DoesNotContain($"{code}: ", e.OneLine, StringComparison.Ordinal);
                Assert.DoesNotContain("StatusCode", e.OneLine, StringComparison.Ordinal);
            }
        }
        Assert.Equal("the ACC did not answer in time", AccErrors.ToCni("x", new RpcException(new Status(StatusCode.DeadlineExceeded, "DeadlineExceeded"))).Details);
    }

    [Fact]
    public void The_ACCs_own_words_come_through() =>
        Assert.Equal("addresses: c2 has it", AccErrors.ToCni("attach c1/eth0", new RpcException(new Status(StatusCode.AlreadyExists, "addresses: c2 has it"))).Details);
}
