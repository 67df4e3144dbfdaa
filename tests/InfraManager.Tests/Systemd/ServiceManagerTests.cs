using System.Net.Sockets;
using System.Text;
using ACCOffload.Daemon.Systemd;
using Microsoft.Extensions.Logging.Abstractions;

namespace ACCOffload.InfraManager.Tests.Systemd;

[CollectionDefinition("environment", DisableParallelization = true)]
public sealed class EnvironmentFixture;

/// <summary>Notifications are datagrams, as in sd_notify(3). The tests change the process's environment, so they run alone.</summary>
[Collection("environment")]
public sealed class ServiceManagerTests : IDisposable
{
    private readonly Folder _folder = new();
    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);

    public void Dispose()
    {
        foreach (var name in new[] { "NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID" })
        {
            Environment.SetEnvironmentVariable(name, null);
        }

        _socket.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Ready_and_stopping_reach_the_socket(bool isAbstract)
    {
        using var service = Listen(isAbstract);
        service.Ready("Serving node node-1");
        Assert.Equal("READY=1\nSTATUS=Serving node node-1", Receive());
        service.Stopping();
        Assert.Equal("STOPPING=1", Receive());
    }

    [Fact]
    public void The_watchdog_is_fed_at_half_its_time_while_there_is_progress()
    {
        Environment.SetEnvironmentVariable("WATCHDOG_USEC", "4000000");
        Environment.SetEnvironmentVariable("WATCHDOG_PID",
            Environment.ProcessId.ToString(System.Globalization.CultureInfo.InvariantCulture));
        using var service = Listen(isAbstract: false);
        var time = new ManualTimer();
        var alive = true;
        service.StartWatchdog(() => ValueTask.FromResult(alive), time);
        Assert.Equal(TimeSpan.FromSeconds(2), time.Period);
        time.Fire();
        Assert.Equal("WATCHDOG=1", Receive());
        alive = false;
        time.Fire();
        time.Fire();
        Assert.Equal(0, _socket.Available);
        alive = true;
        time.Fire();
        Assert.Equal("WATCHDOG=1", Receive());
    }

    [Theory]
    [InlineData(null, null, false)]
    [InlineData("0", null, false)]
    [InlineData("x", null, false)]
    [InlineData("1000000", "1", false)]
    [InlineData("1000000", "", true)]
    public void Only_a_valid_watchdog_interval_for_this_process_is_used(string? microseconds, string? pid, bool watched)
    {
        Environment.SetEnvironmentVariable("WATCHDOG_USEC", microseconds);
        Environment.SetEnvironmentVariable("WATCHDOG_PID", pid);
        Assert.Equal(watched, ServiceManager.WatchdogInterval() is not null);
    }

    [Fact]
    public void Without_systemd_and_with_a_dead_socket_nothing_happens()
    {
        using (var service = new ServiceManager(NullLogger.Instance))
        {
            service.Ready("x");
        }

        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", _folder.At("gone"));
        using var dead = new ServiceManager(NullLogger.Instance);
        dead.Ready("x");
        dead.Stopping();
    }

    private ServiceManager Listen(bool isAbstract)
    {
        var name = isAbstract ? $"\0accoffload-{Guid.NewGuid():N}" : _folder.At("notify");
        _socket.Bind(new UnixDomainSocketEndPoint(name));
        Environment.SetEnvironmentVariable("NOTIFY_SOCKET", isAbstract ? "@" + name[1..] : name);
        return new ServiceManager(NullLogger.Instance);
    }

    private string Receive()
    {
        _socket.ReceiveTimeout = 10_000;
        var buffer = new byte[512];
        return Encoding.UTF8.GetString(buffer, 0, _socket.Receive(buffer));
    }

    private sealed class ManualTimer : TimeProvider
    {
        private TimerCallback? _callback;

        public TimeSpan Period { get; private set; }

        public void Fire() => _callback!(null);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _callback = callback;
            Period = period;
            return new Nothing();
        }

        private sealed class Nothing : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period) => true;

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => ValueTask.CompletedTask;
        }
    }
}
