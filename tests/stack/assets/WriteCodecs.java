import java.io.OutputStream;
import java.net.URI;
import java.nio.file.Files;
import java.util.Arrays;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.io.compress.CompressionCodec;
import org.apache.hadoop.io.compress.CompressionCodecFactory;

/**
 * Writes a text with Hadoop's own codecs, as its jobs do: by many small writes, and by a single one. Arguments: the address
 * of the cluster, a folder of it, the local file with the text, and the names of the codecs' classes.
 */
public final class WriteCodecs {
    public static void main(String[] args) throws Exception {
        Configuration conf = new Configuration();
        conf.set("dfs.client.use.datanode.hostname", "true");
        FileSystem files = FileSystem.get(URI.create(args[0]), conf);
        byte[] text = Files.readAllBytes(java.nio.file.Path.of(args[2]));
        CompressionCodecFactory codecs = new CompressionCodecFactory(conf);
        for (String name : Arrays.copyOfRange(args, 3, args.length)) {
            CompressionCodec codec = codecs.getCodecByClassName("org.apache.hadoop.io.compress." + name);
            for (int piece : new int[] {1000, text.length}) {
                String way = piece == text.length ? "whole" : "pieces";
                Path path = new Path(args[1], name + "-" + way + codec.getDefaultExtension());
                try (OutputStream out = codec.createOutputStream(files.create(path))) {
                    for (int at = 0; at < text.length; at += piece) {
                        out.write(text, at, Math.min(piece, text.length - at));
                    }
                }
            }
        }
    }
}
