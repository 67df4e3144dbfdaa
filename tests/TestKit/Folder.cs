namespace ACCOffload.TestKit;

/// <summary>A temporary folder, deleted at the end of the test.</summary>
public sealed class Folder : IDisposable
{
    public string Root { get; } = Directory.CreateTempSubdirectory("im-").FullName;

    public string At(string name) => Path.Combine(Root, name);

    public string Write(string name, string text)
    {
        File.WriteAllText(At(name), text);
        return At(name);
    }

    public void Dispose() => Directory.Delete(Root, recursive: true);
}
