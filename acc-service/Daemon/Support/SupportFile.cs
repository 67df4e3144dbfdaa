namespace ACCOffload.Daemon.Support;

/// <summary>Writes a support bundle where the command line says.</summary>
public static class SupportFile
{
    /// <param name="program">The program, for messages.</param>
    /// <param name="path">The file; "-" for standard output; null for a file in the current folder.</param>
    /// <param name="name">The name of the bundle's folder, and of the file if no other is given.</param>
    /// <param name="fill">Adds the contents.</param>
    /// <param name="output">Receives the path of the file.</param>
    /// <param name="error">Receives what went wrong.</param>
    /// <param name="cancel">Ends it; an incomplete file is deleted.</param>
    /// <returns>The exit code.</returns>
    public static async Task<int> WriteAsync(
        string program, string? path, string name, Func<SupportBundle, Task> fill, TextWriter output, TextWriter error,
        CancellationToken cancel)
    {
        ArgumentNullException.ThrowIfNull(fill);
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(error);
        if (path == "-")
        {
            await using var standard = Console.OpenStandardOutput();
            await using var bundle = new SupportBundle(standard, name, TimeProvider.System, cancel);
            await fill(bundle);
            return 0;
        }

        path ??= $"{name}.tar.gz";
        FileStream file;
        try
        {
            file = SupportBundle.CreateFile(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            await error.WriteLineAsync($"{program}: {path} cannot be created: {e.Message}; give another file with --output");
            return 1;
        }

        try
        {
            await using (file)
            {
                await using var bundle = new SupportBundle(file, name, TimeProvider.System, cancel);
                await fill(bundle);
            }
        }
        catch (Exception e)
        {
            File.Delete(path);
            if (e is not IOException)
            {
                throw;
            }

            await error.WriteLineAsync($"{program}: {path} cannot be written: {e.Message}; give a file on another disk with --output");
            return 1;
        }

        await output.WriteLineAsync($"{path}: without private keys and tokens; it has addresses and names of pods, services and nodes");
        return 0;
    }
}
