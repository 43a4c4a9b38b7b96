/** Comes to the class path in a jar. */
public class Library {}
