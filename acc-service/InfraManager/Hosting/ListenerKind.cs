namespace ACCOffload.InfraManager.Hosting;

/// <summary>The listener that accepted a connection; set on each connection.</summary>
internal enum ListenerKind
{
    /// <summary>The mutual TLS port.</summary>
    Api,

    /// <summary>The plain health port.</summary>
    Health,

    /// <summary>The root-only unix socket.</summary>
    Control,
}

/// <summary>The kind as a feature of a connection.</summary>
internal sealed record Listener(ListenerKind Kind);
