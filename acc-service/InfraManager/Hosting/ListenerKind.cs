namespace ACCOffload.InfraManager.Hosting;

/// <summary>The door that a connection came through; set on each connection.</summary>
internal enum ListenerKind
{
    /// <summary>The mutual TLS port.</summary>
    Api,

    /// <summary>The plain health port.</summary>
    Health,

    /// <summary>The root-only unix socket.</summary>
    Control,
}

/// <summary>Carries the kind in a connection's features.</summary>
internal sealed record Listener(ListenerKind Kind);
