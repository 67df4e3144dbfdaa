namespace ACCOffload.PipelineTests.Support;

/// <summary>Indices of the counter <c>drops</c> that services use.</summary>
internal enum DropReason
{
    SpoofedIp = 3,
    NoBackend = 16,
    NoLocalBackend = 17,
    SourceRange = 18,
    NoFlow = 19,
    Masquerade = 20,
    ServiceFragment = 21,
    Held = 22,
    Share = 23,
}
