namespace ACCOffload.Configuration;

/// <summary>The configuration is invalid; <see cref="Errors"/> lists every error.</summary>
public sealed class ConfigurationException(IReadOnlyList<ConfigurationError> errors)
    : Exception(string.Join(Environment.NewLine, errors))
{
    /// <summary>EX_CONFIG of sysexits.h; systemd shows it by that name.</summary>
    public const int ExitCode = 78;

    /// <summary>The configuration has one error.</summary>
    public ConfigurationException(ConfigurationError error)
        : this([error])
    {
    }

    /// <summary>The errors, at least one.</summary>
    public IReadOnlyList<ConfigurationError> Errors { get; } = errors;
}
