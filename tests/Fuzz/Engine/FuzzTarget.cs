namespace ACCOffload.Fuzz.Engine;

/// <summary>A door that bytes come in by.</summary>
internal abstract class FuzzTarget(string name)
{
    public string Name { get; } = name;

    /// <summary>How many inputs come one after the other before everything begins anew; a failure is repeated by its episode.</summary>
    public virtual int EpisodeLength => 400;

    /// <summary>Part of the inputs that it gets in the short run of the tests, where each costs a connection.</summary>
    public virtual int OneIn => 1;

    /// <summary>Part of the inputs that it gets in the long run, where each costs the kernel tens of milliseconds.</summary>
    public virtual int OneInOfMany => 1;

    public abstract FuzzSession Start(Dice dice);
}

/// <summary>One episode, on one thread.</summary>
internal abstract class FuzzSession
{
    /// <summary>Makes an input, feeds it, and judges what became of it: true if it was accepted.</summary>
    /// <exception cref="Exception">Anything that comes out of here is a failure.</exception>
    public abstract bool Step(Dice dice);

    /// <summary>The input at hand, for the report of a failure.</summary>
    public virtual string Describe() => "";

    /// <summary>Gives back what the episode held; also after a failure.</summary>
    public virtual void End()
    {
    }
}

/// <summary>A property that does not hold.</summary>
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
