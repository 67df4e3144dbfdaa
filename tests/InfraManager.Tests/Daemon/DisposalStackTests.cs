using ACCOffload.Daemon;

namespace ACCOffload.InfraManager.Tests.Daemon;

public sealed class DisposalStackTests
{
    [Fact]
    public async Task Parts_are_disposed_of_in_reverse_order_and_once()
    {
        var order = new List<string>();
        var stack = new DisposalStack();
        stack.Add(new Part("store", order));
        var watch = stack.Add(new AsyncPart("watch", order));
        stack.Add(new Part("api", order));
        await stack.DisposeEarlyAsync(watch);
        await stack.DisposeEarlyAsync(watch);
        await stack.DisposeAsync();
        await stack.DisposeAsync();
        Assert.Equal(["watch", "api", "store"], order);
    }

    [Fact]
    public async Task Parts_that_fail_do_not_keep_others_from_being_disposed_of()
    {
        var order = new List<string>();
        var stack = new DisposalStack();
        stack.Add(new Part("store", order));
        stack.Add(new FailingPart("second"));
        stack.Add(new AsyncPart("watch", order));
        stack.Add(new FailingPart("first"));
        stack.Add(new Part("api", order));

        var failure = await Assert.ThrowsAsync<IOException>(async () => await stack.DisposeAsync());

        Assert.Equal("first", failure.Message);
        Assert.Equal(["api", "watch", "store"], order);
        await stack.DisposeAsync();
    }

    private sealed class FailingPart(string message) : IDisposable
    {
        public void Dispose() => throw new IOException(message);
    }

    private sealed class Part(string name, List<string> order) : IDisposable
    {
        public void Dispose() => order.Add(name);
    }

    private sealed class AsyncPart(string name, List<string> order) : IAsyncDisposable
    {
        public ValueTask DisposeAsync()
        {
            order.Add(name);
            return ValueTask.CompletedTask;
        }
    }
}
