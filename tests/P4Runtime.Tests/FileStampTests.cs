using ACCOffload.FileStamps;

namespace ACCOffload.P4Runtime.Tests;

public sealed class FileStampTests : IDisposable
{
    private readonly Folder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_does_not_exist_has_the_default_stamp()
    {
        File.CreateSymbolicLink(_folder.At("dangling"), "nothing");
        File.CreateSymbolicLink(_folder.At("loop"), "loop");
        var file = _folder.Write("file", "");
        Assert.All(
            [_folder.At("missing"), _folder.At("no/directory"), _folder.At("dangling"), _folder.At("loop"), file + "/below",
                _folder.At("")],
            path => Assert.Equal(default, FileStamp.Of(path)));
        Assert.NotEqual(default, FileStamp.Of(file));
    }

    [Fact]
    public void A_changed_file_has_another_stamp()
    {
        var file = _folder.Write("file", "one");
        var before = FileStamp.Of(file);
        Assert.Equal(before, FileStamp.Of(file));
        File.AppendAllText(file, "two");
        Assert.NotEqual(before, FileStamp.Of(file));
    }

    [Fact]
    public void A_link_has_the_stamp_of_the_file_that_it_points_to()
    {
        var link = _folder.At("link");
        File.CreateSymbolicLink(link, _folder.Write("file", "one"));
        Assert.Equal(FileStamp.Of(_folder.At("file")), FileStamp.Of(link));
        var before = FileStamp.Of(link);
        _folder.Write("file", "another");
        Assert.NotEqual(before, FileStamp.Of(link));
    }
}
