namespace ACCOffload.Crash.Soak;

/// <summary>What runs when the test assembly is started as a program.</summary>
internal static class SoakProgram
{
    public static int Main(string[] args) => args.Length;
}
