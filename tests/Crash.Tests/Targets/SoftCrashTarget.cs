using ACCOffload.TestKit.Labs;
using ACCOffload.TestKit.Processes;

namespace ACCOffload.Crash.Tests.Targets;

/// <summary>The soft target in a separate process, which ends with its lab.</summary>
internal sealed class SoftCrashTarget(Lab lab) : CrashTarget
{
    public override BackgroundProcess? Process => lab.Target;

    public override Task StartAsync() => lab.StartTargetAsync();

    public override void Kill() => lab.Target!.Kill();

    public override Task WaitAsync() => lab.Target!.WaitAsync();

    public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
