namespace ACCOffload.NativeInterop.Routing;

/// <summary>How far away a destination is (rtnetlink(7)).</summary>
public enum RouteScope : byte
{
    /// <summary>Anywhere.</summary>
    Universe = 0,
    /// <summary>Within the site.</summary>
    Site = 200,
    /// <summary>On the link itself: no gateway in between.</summary>
    Link = 253,
    /// <summary>The machine itself.</summary>
    Host = 254,
    /// <summary>Nowhere.</summary>
    Nowhere = 255,
}
