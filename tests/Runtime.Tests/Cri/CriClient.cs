using ACCOffload.TestKit.Labs;
using Grpc.Core;
using Grpc.Net.Client;

namespace ACCOffload.Runtime.Tests.Cri;

/// <summary>A client of the Container Runtime Interface, like kubelet, over the runtime's unix socket.</summary>
internal sealed class CriClient : IDisposable
{
    // Enough for twenty concurrent sandboxes on a busy machine.
    private static readonly TimeSpan Limit = TimeSpan.FromMinutes(4);

    private readonly GrpcChannel _channel;
    private readonly RuntimeService.RuntimeServiceClient _runtime;
    private readonly ImageService.ImageServiceClient _images;
    private readonly string _cgroupParent;

    public CriClient(string socket, string cgroupParent)
    {
        _cgroupParent = cgroupParent;
        _channel = Channels.Unix(socket);
        _runtime = new RuntimeService.RuntimeServiceClient(_channel);
        _images = new ImageService.ImageServiceClient(_channel);
    }

    private static CallOptions Options => new(deadline: DateTime.UtcNow + Limit);

    public async Task<VersionResponse> VersionAsync() => await _runtime.VersionAsync(new VersionRequest(), Options);

    /// <summary>Whether the runtime has a network configuration and can run pods.</summary>
    public async Task<bool> IsReadyAsync()
    {
        try
        {
            var status = await _runtime.StatusAsync(new StatusRequest(), Options);
            return status.Status.Conditions.Count >= 2 && status.Status.Conditions.All(c => c.Status);
        }
        catch (RpcException e) when (e.StatusCode is StatusCode.Unavailable or StatusCode.Unimplemented)
        {
            return false;
        }
    }

    public async Task<bool> HasImageAsync(string image) =>
        (await _images.ImageStatusAsync(new ImageStatusRequest { Image = new ImageSpec { Image = image } }, Options)).Image is not null;

    public PodSandboxConfig Configuration(string name) => new()
    {
        Metadata = new PodSandboxMetadata { Name = name, Uid = $"uid-{name}", Namespace = "default" },
        Hostname = name,
        Linux = new LinuxPodSandboxConfig { CgroupParent = _cgroupParent },
    };

    public async Task<string> RunSandboxAsync(string name, params PortMapping[] ports)
    {
        var configuration = Configuration(name);
        configuration.PortMappings.AddRange(ports);
        return (await _runtime.RunPodSandboxAsync(new RunPodSandboxRequest { Config = configuration }, Options)).PodSandboxId;
    }

    public async Task<PodSandboxStatus> SandboxStatusAsync(string sandbox) =>
        (await _runtime.PodSandboxStatusAsync(new PodSandboxStatusRequest { PodSandboxId = sandbox }, Options)).Status;

    public async Task<IReadOnlyList<PodSandbox>> SandboxesAsync() =>
        [.. (await _runtime.ListPodSandboxAsync(new ListPodSandboxRequest(), Options)).Items];

    public async Task StopSandboxAsync(string sandbox) =>
        await _runtime.StopPodSandboxAsync(new StopPodSandboxRequest { PodSandboxId = sandbox }, Options);

    public async Task RemoveSandboxAsync(string sandbox)
    {
        await StopSandboxAsync(sandbox);
        await _runtime.RemovePodSandboxAsync(new RemovePodSandboxRequest { PodSandboxId = sandbox }, Options);
    }

    public async Task<string> RunContainerAsync(string sandbox, string podName, params string[] command)
    {
        var request = new CreateContainerRequest
        {
            PodSandboxId = sandbox,
            SandboxConfig = Configuration(podName),
            Config = new ContainerConfig
            {
                Metadata = new ContainerMetadata { Name = "main" },
                Image = new ImageSpec { Image = BusyboxImage.Name }
            },
        };
        request.Config.Command.AddRange(command);
        var container = (await _runtime.CreateContainerAsync(request, Options)).ContainerId;
        await _runtime.StartContainerAsync(new StartContainerRequest { ContainerId = container }, Options);
        return container;
    }

    /// <summary>Runs a shell command in a container and returns its exit code and output.</summary>
    public async Task<(int ExitCode, string Output)> ShellAsync(string container, string line)
    {
        var request = new ExecSyncRequest { ContainerId = container, Timeout = 120 };
        request.Cmd.AddRange(["/bin/sh", "-c", line]);
        var reply = await _runtime.ExecSyncAsync(request, Options);
        return (reply.ExitCode, reply.Stdout.ToStringUtf8() + reply.Stderr.ToStringUtf8());
    }

    public void Dispose() => _channel.Dispose();
}
