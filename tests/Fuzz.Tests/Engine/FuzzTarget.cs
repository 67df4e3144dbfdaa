namespace ACCOffload.Fuzz.Tests.Engine;

/// <summary>An entry point for untrusted input.</summary>
internal abstract class FuzzTarget(string name)
{
    public string Name { get; } = name;

    /// <summary>The number of inputs per episode, which starts from a fresh state; a failure is replayed by its episode.</summary>
    public virtual int EpisodeLength => 400;

    /// <summary>Divisor of the number of inputs in the short test run, for slow inputs, such as those that need a connection.</summary>
    public virtual int OneIn => 1;

    /// <summary>Divisor of the number of inputs in the long run, for inputs that each cost the kernel tens of milliseconds.</summary>
    public virtual int LongRunDivisor => 1;

    public abstract FuzzSession Start(Dice dice);
}

/// <summary>One episode on one thread.</summary>
internal abstract class FuzzSession
{
    /// <summary>Generates an input, feeds it and checks the result. Returns whether it was accepted.</summary>
    /// <exception cref="Exception">Any exception is a failure.</exception>
    public abstract bool Step(Dice dice);

    /// <summary>The current input, for a failure report.</summary>
    public virtual string Describe() => "";

    /// <summary>Releases the episode's resources, also after a failure.</summary>
    public virtual void End()
    {
    }
}

/// <summary>A violated property.</summary>
internal sealed class FuzzFailure(string message, Exception? cause = null) : Exception(message, cause)
{
    public static void Unless(bool holds, string message)
    {
        if (!holds)
        {
            throw new FuzzFailure(message);
        }
    }
}
