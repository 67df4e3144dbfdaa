namespace ACCOffload.Monitoring;

/// <summary>A test that has Prometheus' own tool judge what a daemon tells.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class PromtoolFactAttribute : FactAttribute
{
    public PromtoolFactAttribute()
    {
        if (!Promtool.IsThere)
        {
            Skip = $"needs {Promtool.Path}: Debian's package prometheus";
        }
    }
}
