namespace ACCOffload.Configuration;

/// <summary>The configuration can't be used; every reason is in <see cref="Errors"/>.</summary>
public sealed class ConfigurationException(IReadOnlyList<ConfigurationError> errors)
    : Exception(string.Join(Environment.NewLine, errors))
{
    /// <summary>The exit code that sysexits.h calls EX_CONFIG; systemd shows it by that name.</summary>
    public const int ExitCode = 78;

    /// <summary>One thing is wrong.</summary>
    public ConfigurationException(ConfigurationError error)
        : this([error])
    {
    }

    /// <summary>What is wrong, at least one thing.</summary>
    public IReadOnlyList<ConfigurationError> Errors { get; } = errors;
}
