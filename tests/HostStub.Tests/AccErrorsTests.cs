using ACCOffload.HostStub.Acc;
using Grpc.Core;

namespace ACCOffload.HostStub.Tests;

public sealed class AccErrorsTests
{
    [Fact]
    public void Every_status_has_a_message()
    {
        foreach (var code in Enum.GetValues<StatusCode>().Where(c => c != StatusCode.OK))
        {
            // gRPC's client sets the detail to the code.
            foreach (var detail in (string[])["", code.ToString()])
            {
                var e = AccErrors.ToCni("attach c1/eth0", new RpcException(new Status(code, detail)));
                Assert.Contains(' ', e.Details);
                Assert.DoesNotContain($"{code}: ", e.OneLine, StringComparison.Ordinal);
                Assert.DoesNotContain("StatusCode", e.OneLine, StringComparison.Ordinal);
            }
        }
        Assert.Equal(
            "the ACC did not answer in time",
            AccErrors.ToCni("x", new RpcException(new Status(StatusCode.DeadlineExceeded, "DeadlineExceeded"))).Details);
    }

    [Fact]
    public void The_ACCs_message_is_passed_on() =>
        Assert.Equal(
            "addresses: c2 has it",
            AccErrors.ToCni("attach c1/eth0", new RpcException(new Status(StatusCode.AlreadyExists, "addresses: c2 has it"))).Details);
}
