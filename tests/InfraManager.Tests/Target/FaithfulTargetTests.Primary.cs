using ACCOffload.FaithfulTarget;
using ACCOffload.InfraManager.Programming;
using ACCOffload.InfraManager.State.Values;
using ACCOffload.P4Runtime.Channels;
using ACCOffload.P4Runtime.Session;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Target;

/// <content>Another controller.</content>
public sealed partial class FaithfulTargetTests
{
    [Fact]
    public async Task Nothing_is_written_while_another_controller_is_primary()
    {
        await StartAsync(new FaithfulBehaviours());
        await ReadyAsync();
        await AttachAsync(1, "TAP1");
        await ReconciledAsync();
        _target.ClearLog();
        var endpoint = new TargetEndpoint { Address = _target.Address };
        await using (var other = new P4RuntimeSession(new P4RuntimeSessionOptions { Endpoint = endpoint, TakeOver = true },
            NullLogger.Instance))
        {
            other.Start();
            await Eventually.TrueAsync(() => other.State == SessionState.Primary && _programmer.Status.TargetState == TargetState.Backup,
                "the other one is primary");

            var refused = await Assert.ThrowsAsync<IntentException>(() => AttachAsync(2, "TAP2"));

            Assert.Equal(IntentError.Unavailable, refused.Code);
            Assert.Empty(_target.Updates);
        }

        await ReconciledAsync();
        await AttachAsync(2, "TAP2");
        Assert.Equal((2, 0), (Rows("pods").Count, _target.Pushes));
    }
}
